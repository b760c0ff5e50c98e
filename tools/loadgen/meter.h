#ifndef CHATTER_TOOLS_LOADGEN_METER_H_
#define CHATTER_TOOLS_LOADGEN_METER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/histogram.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/report.h"

namespace chatter::loadgen {

// Runs the loop while it measures: counts, latencies, the CPU of the processes. Says on
// stderr each second how it goes.
class Meter {
 public:
  // `latency`: what Record is told; empty when it never is.
  Meter(EventLoop& loop, const Options& options, std::string unit, std::string latency,
        Report& report);

  // One more of what is counted.
  void Count() { ++count_; }
  // For what happened InWindow.
  void Record(int64_t latency_ns) { second_.Record(latency_ns); }
  // Whether this moment belongs to what is measured.
  bool InWindow(int64_t at) const { return at >= begin_ && at < end_; }

  // For the time of the warm-up.
  absl::Status WarmUp();
  // Until `done`, which null never is, or `duration` has passed; then fills the report.
  absl::Status Measure(int64_t duration, const std::function<bool()>& done = nullptr);
  // Adds what was recorded since to the report.
  void Collect();

 private:
  struct Snapshot {
    std::vector<ProcessUse> servers;
    ProcessUse generator;
    MachineUse machine;
  };

  absl::StatusOr<Snapshot> TakeSnapshot() const;
  absl::StatusOr<std::vector<int64_t>> TakeCpu() const;
  absl::Status RunSeconds(int64_t begin, int64_t end, bool measured,
                          const std::function<bool()>& done);
  // What the second that ends now brought.
  absl::Status EndSecond(int64_t begin, bool measured);
  void FillReport(const Snapshot& before, const Snapshot& after);

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  const NamedPid generator_;
  int64_t begin_ = kNever;
  int64_t end_ = kNever;
  int64_t count_ = 0;
  int64_t counted_ = 0;  // of count_, in seconds that have ended
  Histogram second_;
  std::vector<int64_t> cpu_;  // of the servers and the generator, as of the last second
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_METER_H_
