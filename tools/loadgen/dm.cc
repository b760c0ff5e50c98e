#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/pairs.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

// Keeps `window` messages of one flow on their way.
class Sender : public EventLoop::Flushable {
 public:
  Sender(EventLoop& loop, Flow& flow, int window)
      : loop_(loop), flow_(flow), sent_at_(static_cast<size_t>(window)) {}

  void SendLater() {
    if (scheduled_) return;
    scheduled_ = true;
    loop_.FlushLater(*this);
  }

  int64_t sent_at(int64_t number) const {
    return sent_at_[static_cast<size_t>(number) % sent_at_.size()];
  }

  void Flush() override {
    scheduled_ = false;
    const int64_t now = Now();
    const int64_t last = flow_.delivered() + static_cast<int64_t>(sent_at_.size());
    for (int64_t number = flow_.sent(); number < last; ++number) {
      sent_at_[static_cast<size_t>(number) % sent_at_.size()] = now;
    }
    flow_.Send(last - flow_.sent());
  }

 private:
  EventLoop& loop_;
  Flow& flow_;
  std::vector<int64_t> sent_at_;
  bool scheduled_ = false;
};

class Dm : public Pairs::Observer {
 public:
  Dm(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        pairs_(loop, options, *this),
        meter_(loop, options, "messages", "sent to at the recipient", report) {
    report.title =
        absl::StrCat("dm: ", options.pairs, " pairs, ",
                     options.both_ways ? "both send" : "one of each sends", ", ",
                     options.window, " on their way, ", options.text_bytes, " bytes");
  }

  absl::Status Run() {
    absl::Status status = pairs_.Open();
    if (!status.ok()) return status;
    running_ = true;
    for (const auto& flow : pairs_.flows()) {
      senders_.push_back(std::make_unique<Sender>(loop_, *flow, options_.window));
      senders_.back()->SendLater();
    }
    status = meter_.WarmUp();
    if (!status.ok()) return status;
    status = meter_.Measure(options_.duration_ns);
    running_ = false;
    return status.ok() ? pairs_.Drain() : status;
  }

  void OnDelivered(const Flow& flow, int64_t number) override {
    Sender& sender = *senders_[flow.index()];
    const int64_t sent_at = sender.sent_at(number);
    meter_.Count();
    if (running_ && meter_.InWindow(sent_at)) meter_.Record(loop_.now() - sent_at);
    if (running_) sender.SendLater();
  }

 private:
  EventLoop& loop_;
  const Options& options_;
  Pairs pairs_;
  Meter meter_;
  std::vector<std::unique_ptr<Sender>> senders_;
  bool running_ = false;
};

}  // namespace

absl::Status RunDm(EventLoop& loop, const Options& options, Report& report) {
  return Dm(loop, options, report).Run();
}

}  // namespace chatter::loadgen
