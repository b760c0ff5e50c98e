#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/crowd.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/session_opener.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kTimeout = 600 * kSecond;

class Storm : public Crowd::Observer {
 public:
  Storm(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        meter_(loop, options, "sessions", "to a session, both steps", report),
        crowd_(loop, static_cast<size_t>(options.users), *this) {
    report.title =
        absl::StrCat("storm: ", options.users, " users, ", options.clients, " at a time");
  }

  absl::Status Run() {
    absl::StatusOr<std::vector<User>> users =
        PrepareUsers(loop_, options_, options_.users);
    if (!users.ok()) return users.status();
    users_ = *std::move(users);
    for (int i = 0; i < options_.clients; ++i) {
      // Each session takes two connections.
      openers_.push_back(std::make_unique<SessionOpener>(
          loop_, options_, LocalAddress(options_, 2 * options_.users, i),
          /*reuse=*/false, times_));
    }
    // Once it is measured.
    loop_.AddTicker(0, [this](int64_t) {
      for (const auto& opener : openers_) OpenNext(*opener);
      return kNever;
    });
    const absl::Status measured =
        meter_.Measure(kTimeout, [this] { return opened_ == crowd_.size(); });
    report_.latencies.push_back({"GET /ws_token", times_.token});
    report_.latencies.push_back({"GET /ws, to 101", times_.handshake});
    if (!measured.ok() || opened_ == crowd_.size()) return measured;
    return absl::DeadlineExceededError(absl::StrCat(opened_, " of ", crowd_.size(),
                                                    " sessions opened in ",
                                                    kTimeout / kSecond, " s"));
  }

 private:
  void OpenNext(SessionOpener& opener) {
    if (begun_ == crowd_.size()) return;
    const size_t session = begun_++;
    opener.Open(users_[session], crowd_.client(session), [this, &opener](int64_t took) {
      ++opened_;
      meter_.Count();
      meter_.Record(took);
      OpenNext(opener);
    });
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Meter meter_;
  std::vector<User> users_;
  Crowd crowd_;
  OpenTimes times_;
  std::vector<std::unique_ptr<SessionOpener>> openers_;
  size_t begun_ = 0;
  size_t opened_ = 0;
};

}  // namespace

absl::Status RunStorm(EventLoop& loop, const Options& options, Report& report) {
  return Storm(loop, options, report).Run();
}

}  // namespace chatter::loadgen
