#ifndef CHATTER_TOOLS_LOADGEN_PLOT_H_
#define CHATTER_TOOLS_LOADGEN_PLOT_H_

#include <string>

#include "tools/loadgen/report.h"

namespace chatter::loadgen {

// An SVG picture: throughput over time, and below it p50, p99 and the greatest latency of
// each second, on a logarithmic scale.
std::string Plot(const Report& report);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_PLOT_H_
