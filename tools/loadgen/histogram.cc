#include "tools/loadgen/histogram.h"

#include <algorithm>
#include <cmath>

namespace chatter::loadgen {

int64_t Histogram::LastOf(size_t cell) {
  if (cell < 2 * kHalf) return static_cast<int64_t>(cell);
  const size_t shift = cell / kHalf - 1;
  const size_t first = (cell - shift * kHalf) << shift;
  return static_cast<int64_t>(first + (size_t{1} << shift) - 1);
}

void Histogram::Add(const Histogram& other) {
  for (size_t i = 0; i < kCells; ++i) cells_[i] += other.cells_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::Clear() {
  std::fill(cells_.begin(), cells_.end(), 0);
  count_ = 0;
  sum_ = 0;
  max_ = 0;
}

double Histogram::mean() const {
  return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_);
}

int64_t Histogram::Quantile(double share) const {
  const auto wanted =
      static_cast<int64_t>(std::ceil(share * static_cast<double>(count_)));
  int64_t seen = 0;
  for (size_t i = 0; i < kCells; ++i) {
    seen += cells_[i];
    if (seen >= std::max<int64_t>(wanted, 1)) return std::min(LastOf(i), max_);
  }
  return 0;
}

}  // namespace chatter::loadgen
