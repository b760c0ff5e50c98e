#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/old_frames.h"
#include "tools/loadgen/session_opener.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/workloads.h"
#include "tools/loadgen/ws_client.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kDrainTimeout = 15 * kSecond;

class Fanout;

// A session of either user, which gets every message.
class Device : public WsClient::Owner {
 public:
  Device(EventLoop& loop, Fanout& fanout, bool is_recipient, size_t text_bytes)
      : loop_(loop),
        fanout_(fanout),
        is_recipient_(is_recipient),
        client_(loop, *this),
        next_(text_bytes) {}

  WsClient& client() { return client_; }
  int64_t received() const { return next_.number(); }

  void OnText(std::string_view payload) override;
  void OnClosed(int code) override {
    loop_.Fail(absl::UnavailableError(absl::StrCat("a session was closed with ", code)));
  }

 private:
  EventLoop& loop_;
  Fanout& fanout_;
  const bool is_recipient_;
  WsClient client_;
  NumberedText next_;
};

// Keeps `window` messages on their way, until all devices have them.
class Fanout : public EventLoop::Flushable {
 public:
  Fanout(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        meter_(loop, options, "deliveries", "sent to at a device", report),
        sender_(loop, *this, /*is_recipient=*/false, options.text_bytes),
        sent_at_(static_cast<size_t>(options.window)),
        missing_(static_cast<size_t>(options.window)) {
    report.title =
        absl::StrCat("fanout: to ", options.devices, " sessions of one user, ",
                     options.window, " on their way, ", options.text_bytes, " bytes");
  }

  absl::Status Run() {
    absl::Status status = Open();
    if (!status.ok()) return status;
    running_ = true;
    SendLater();
    status = meter_.WarmUp();
    if (!status.ok()) return status;
    status = meter_.Measure(options_.duration_ns);
    running_ = false;
    report_.latencies.push_back({"sent to at the last device", complete_});
    return status.ok() ? Drain() : status;
  }

  bool WasSent(int64_t number) const { return number < sent_; }

  void OnDelivered(int64_t number) {
    const size_t slot = SlotOf(number);
    const int64_t took = loop_.now() - sent_at_[slot];
    const bool is_counted = running_ && meter_.InWindow(sent_at_[slot]);
    meter_.Count();
    if (is_counted) meter_.Record(took);
    if (--missing_[slot] > 0) return;
    if (is_counted) complete_.Record(took);
    // Messages come in order: those before are complete, too.
    ++completed_;
    if (running_) SendLater();
  }

  void Flush() override {
    scheduled_ = false;
    const int64_t now = Now();
    buffer_.clear();
    for (; sent_ < completed_ + options_.window; ++sent_) {
      sent_at_[SlotOf(sent_)] = now;
      missing_[SlotOf(sent_)] = options_.devices;
      frames_->AppendNext(buffer_);
    }
    sender_.client().Send(buffer_);
  }

 private:
  void SendLater() {
    if (scheduled_) return;
    scheduled_ = true;
    loop_.FlushLater(*this);
  }

  absl::Status Open() {
    absl::StatusOr<std::vector<User>> users = PrepareUsers(loop_, options_, 2);
    if (!users.ok()) return users.status();
    users_ = *std::move(users);
    frames_ = std::make_unique<NumberedFrames>(users_[0].name, users_[1].name,
                                               options_.text_bytes);
    std::vector<Opening> openings = {{users_[0], sender_.client()}};
    for (int i = 0; i < options_.devices; ++i) {
      devices_.push_back(std::make_unique<Device>(loop_, *this, /*is_recipient=*/true,
                                                  options_.text_bytes));
      openings.push_back({users_[1], devices_.back()->client()});
    }
    return OpenSessions(loop_, options_, openings, options_.clients);
  }

  absl::Status Drain() {
    const auto done = [this] {
      return completed_ == sent_ && sender_.received() == sent_;
    };
    const absl::Status drained = loop_.Await(done, kDrainTimeout, "the last messages");
    if (!absl::IsDeadlineExceeded(drained)) return drained;
    return absl::DataLossError(absl::StrCat("lost: ", sent_, " sent, ", completed_,
                                            " came to every device, ", sender_.received(),
                                            " came back"));
  }

  size_t SlotOf(int64_t number) const {
    return static_cast<size_t>(number) % sent_at_.size();
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Meter meter_;
  std::vector<User> users_;
  std::unique_ptr<NumberedFrames> frames_;
  Device sender_;
  std::vector<std::unique_ptr<Device>> devices_;
  Histogram complete_;
  std::string buffer_;            // keeps its memory
  std::vector<int64_t> sent_at_;  // of the messages on their way, by slot
  std::vector<int> missing_;      // devices that do not have them
  int64_t sent_ = 0;
  int64_t completed_ = 0;
  bool scheduled_ = false;
  bool running_ = false;
};

void Device::OnText(std::string_view payload) {
  const OldFrame frame = ReadOldFrame(payload);
  if (frame.kind == OldFrame::Kind::kPresence) return;
  const int64_t number = next_.number();
  if (frame.kind != OldFrame::Kind::kMessage || !fanout_.WasSent(number) ||
      !next_.Take(frame.text)) {
    return loop_.Fail(absl::DataLossError(
        absl::StrCat("where message ", number, " should come, a session got ",
                     AbslView(payload.substr(0, 200)))));
  }
  if (is_recipient_) fanout_.OnDelivered(number);
}

}  // namespace

absl::Status RunFanout(EventLoop& loop, const Options& options, Report& report) {
  return Fanout(loop, options, report).Run();
}

}  // namespace chatter::loadgen
