#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/pairs.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

class Rate : public Pairs::Observer {
 public:
  Rate(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        pairs_(loop, options, *this),
        meter_(loop, options, "messages", "due to at the recipient", report) {
    report.title =
        absl::StrCat("rate: ", options.rate, " messages a second, ", options.pairs,
                     " pairs, ", options.both_ways ? "both send" : "one of each sends",
                     ", ", options.text_bytes, " bytes");
  }

  absl::Status Run() {
    absl::Status status = pairs_.Open();
    if (!status.ok()) return status;
    first_due_ = Now();
    loop_.AddTicker(first_due_, [this](int64_t now) { return SendDue(now); });
    status = meter_.WarmUp();
    if (!status.ok()) return status;
    status = meter_.Measure(options_.duration_ns);
    running_ = false;
    if (status.ok()) status = pairs_.Drain();
    // Messages that were due in the window came after it, too.
    meter_.Collect();
    report_.latencies.push_back({"due to sent, by the generator", lateness_});
    return status;
  }

  void OnDelivered(const Flow& flow, int64_t number) override {
    const auto flows = static_cast<int64_t>(pairs_.flows().size());
    const int64_t due = DueAt(number * flows + static_cast<int64_t>(flow.index()));
    meter_.Count();
    if (meter_.InWindow(due)) meter_.Record(loop_.now() - due);
  }

 private:
  int64_t DueAt(int64_t message) const {
    return first_due_ + message * kSecond / options_.rate;
  }

  int64_t SendDue(int64_t now) {
    if (!running_) return kNever;
    const auto& flows = pairs_.flows();
    while (DueAt(sent_) <= now) {
      const int64_t due = DueAt(sent_);
      if (meter_.InWindow(due)) lateness_.Record(Now() - due);
      flows[static_cast<size_t>(sent_) % flows.size()]->Send(1);
      ++sent_;
    }
    return DueAt(sent_);
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Pairs pairs_;
  Meter meter_;
  Histogram lateness_;
  int64_t first_due_ = 0;
  int64_t sent_ = 0;
  bool running_ = true;
};

}  // namespace

absl::Status RunRate(EventLoop& loop, const Options& options, Report& report) {
  return Rate(loop, options, report).Run();
}

}  // namespace chatter::loadgen
