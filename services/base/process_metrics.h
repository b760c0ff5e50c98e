#ifndef CHATTER_SERVICES_BASE_PROCESS_METRICS_H_
#define CHATTER_SERVICES_BASE_PROCESS_METRICS_H_

#include "services/base/metric_page.h"

namespace chatter {

// What Prometheus' own libraries say of every process (process_cpu_seconds_total and so
// on), from /proc, and which version of Chatter it is. What the system does not tell is
// left out.
void AddProcessMetrics(MetricPage& page);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_PROCESS_METRICS_H_
