#include "services/base/metrics.h"

namespace chatter {

HistogramReading& HistogramReading::operator+=(const HistogramReading& other) {
  for (size_t i = 0; i < counts.size(); ++i) counts[i] += other.counts[i];
  sum += other.sum;
  return *this;
}

}  // namespace chatter
