#ifndef CHATTER_TOOLS_LOADGEN_WORKLOADS_H_
#define CHATTER_TOOLS_LOADGEN_WORKLOADS_H_

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/report.h"

namespace chatter::loadgen {

// Each runs to its end and fills the report. The status says what was not as it should
// be, in one line; the report then has what was measured until then.

// Pairs of users, a fixed number of messages on their way from each sender.
absl::Status RunDm(EventLoop& loop, const Options& options, Report& report);
// Pairs of users, a fixed number of messages a second in all. A message's latency counts
// from when it was due, whenever it could be sent.
absl::Status RunRate(EventLoop& loop, const Options& options, Report& report);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_WORKLOADS_H_
