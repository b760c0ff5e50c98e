#ifndef CHATTER_TOOLS_LOADGEN_WORKLOADS_H_
#define CHATTER_TOOLS_LOADGEN_WORKLOADS_H_

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/report.h"

namespace chatter::loadgen {

// Each runs to its end and fills the report. The status says what was not as it should
// be, in one line; the report then has what was measured until then.
using Workload = absl::Status (*)(EventLoop& loop, const Options& options,
                                  Report& report);

// Pairs of users, a fixed number of messages on their way from each sender.
absl::Status RunDm(EventLoop& loop, const Options& options, Report& report);
// Pairs of users, a fixed number of messages a second in all. A message's latency counts
// from when it was due, whenever it could be sent.
absl::Status RunRate(EventLoop& loop, const Options& options, Report& report);
// Connections that do nothing: what memory each takes.
absl::Status RunIdle(EventLoop& loop, const Options& options, Report& report);
// Many users connect, some at a time, each as soon as the one before is there.
absl::Status RunStorm(EventLoop& loop, const Options& options, Report& report);
// One user writes to another who has many sessions.
absl::Status RunFanout(EventLoop& loop, const Options& options, Report& report);
// The newest messages of conversations, by HTTP.
absl::Status RunHistory(EventLoop& loop, const Options& options, Report& report);
// Any GET.
absl::Status RunRest(EventLoop& loop, const Options& options, Report& report);
// A fixed number of sessions a second that open, send a little, and close.
absl::Status RunChurn(EventLoop& loop, const Options& options, Report& report);
// The users of one group come, and half of them leave: everybody is to be told.
absl::Status RunPresence(EventLoop& loop, const Options& options, Report& report);
// Pairs of users, a fixed number of messages: until notif has been told of each.
absl::Status RunNotify(EventLoop& loop, const Options& options, Report& report);

// "dm" and so on, as SettingsTable() has them.
Workload FindWorkload(const std::string& name);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_WORKLOADS_H_
