#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

constexpr int64_t kEndTimeout = 15 * kSecond;
constexpr int kNormalClose = 1000;

// One user's sessions, one after another: each sends its messages to the user itself, and
// closes when all of them have come back.
class Visitor : public WsClient::Owner {
 public:
  Visitor(EventLoop& loop, const Options& options, const User& user, uint32_t from,
          OpenTimes& times)
      : loop_(loop),
        options_(options),
        user_(user),
        opener_(loop, options, from, /*reuse=*/false, times),
        client_(loop, *this),
        next_(options.text_bytes) {}

  void Visit(std::function<void()> over) {
    over_ = std::move(over);
    next_ = NumberedText(options_.text_bytes);
    opener_.Open(user_, client_, [this](int64_t) { SendMessages(); });
  }

 private:
  void SendMessages() {
    NumberedFrames frames(user_.name, user_.name, options_.text_bytes);
    std::string bytes;
    for (int i = 0; i < options_.messages; ++i) frames.AppendNext(bytes);
    client_.Send(bytes);
    if (options_.messages == 0) client_.StartClose();
  }

  void OnText(std::string_view payload) override {
    const OldFrame frame = ReadOldFrame(payload);
    if (frame.kind == OldFrame::Kind::kPresence) return;
    if (frame.kind != OldFrame::Kind::kMessage || next_.number() == options_.messages ||
        !next_.Take(frame.text)) {
      return loop_.Fail(absl::DataLossError(
          absl::StrCat("where message ", next_.number(), " should come, ", user_.name,
                       " got ", AbslView(payload.substr(0, 200)))));
    }
    if (next_.number() == options_.messages) client_.StartClose();
  }

  void OnClosed(int code) override {
    if (code != kNormalClose || next_.number() != options_.messages) {
      return loop_.Fail(absl::UnavailableError(absl::StrCat(
          "the session of ", user_.name, " was closed with ", code, " after ",
          next_.number(), " of ", options_.messages, " messages")));
    }
    std::exchange(over_, nullptr)();
  }

  EventLoop& loop_;
  const Options& options_;
  const User& user_;
  SessionOpener opener_;
  WsClient client_;
  NumberedText next_;
  std::function<void()> over_;
};

class Churn {
 public:
  Churn(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        meter_(loop, options, "sessions", "due to closed", report) {
    report.title =
        absl::StrCat("churn: ", options.rate, " sessions a second, ", options.clients,
                     " at most at a time, ", options.messages, " messages in each");
  }

  absl::Status Run() {
    const absl::StatusOr<std::vector<User>> users =
        PrepareUsers(loop_, options_, options_.clients);
    if (!users.ok()) return users.status();
    for (int i = 0; i < options_.clients; ++i) {
      visitors_.push_back(
          std::make_unique<Visitor>(loop_, options_, (*users)[static_cast<size_t>(i)],
                                    LocalAddress(options_, options_.clients, i), times_));
      free_.push_back(visitors_.back().get());
    }
    first_due_ = Now();
    loop_.AddTicker(first_due_, [this](int64_t now) { return BeginDue(now); });
    absl::Status status = meter_.WarmUp();
    if (!status.ok()) return status;
    times_ = OpenTimes();
    status = meter_.Measure(options_.duration_ns);
    running_ = false;
    report_.latencies.push_back({"GET /ws_token", times_.token});
    report_.latencies.push_back({"GET /ws, to 101", times_.handshake});
    if (!status.ok()) return status;
    status = loop_.Await([this] { return free_.size() == visitors_.size(); }, kEndTimeout,
                         "the last sessions");
    meter_.Collect();
    return status;
  }

 private:
  int64_t DueAt(int64_t session) const {
    return first_due_ + session * kSecond / options_.rate;
  }

  int64_t BeginDue(int64_t now) {
    if (!running_) return kNever;
    // Those that find nobody free begin when somebody is.
    while (DueAt(begun_) <= now && !free_.empty()) Begin();
    return std::max(DueAt(begun_), now + kSecond / 1000);
  }

  void Begin() {
    Visitor& visitor = *free_.back();
    free_.pop_back();
    const int64_t due = DueAt(begun_++);
    visitor.Visit([this, &visitor, due] {
      meter_.Count();
      if (meter_.InWindow(due)) meter_.Record(loop_.now() - due);
      free_.push_back(&visitor);
    });
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Meter meter_;
  OpenTimes times_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
  std::vector<Visitor*> free_;
  int64_t first_due_ = 0;
  int64_t begun_ = 0;
  bool running_ = true;
};

}  // namespace

absl::Status RunChurn(EventLoop& loop, const Options& options, Report& report) {
  return Churn(loop, options, report).Run();
}

}  // namespace chatter::loadgen
