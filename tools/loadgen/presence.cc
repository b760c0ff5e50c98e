#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/crowd.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/session_opener.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kTimeout = 300 * kSecond;

// All users of one group come, and then every other one leaves (if any). Of two users who
// are there, whoever came first is told once that the other came; and whoever stays is
// told once of each who left.
class PresenceLoad : public Crowd::Observer {
 public:
  PresenceLoad(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        meter_(loop, options, "presence frames", "session open to seen", report),
        count_(static_cast<size_t>(options.users)),
        crowd_(loop, count_, *this),
        opened_at_(count_, kNever),
        saw_come_(count_ * count_),
        saw_leave_(count_ * count_) {
    report.title = absl::StrCat("presence: ", options.users, " users of one group come, ",
                                options.clients, " at a time; ",
                                options.leave ? "every other one" : "nobody", " leaves");
  }

  absl::Status Run() {
    absl::StatusOr<std::vector<User>> users =
        PrepareUsers(loop_, options_, options_.users);
    if (!users.ok()) return users.status();
    users_ = *std::move(users);
    for (int i = 0; i < options_.clients; ++i) {
      openers_.push_back(std::make_unique<SessionOpener>(
          loop_, options_, LocalAddress(options_, options_.users, i), /*reuse=*/true,
          times_));
    }
    // Once it is measured.
    loop_.AddTicker(0, [this](int64_t now) {
      begun_at_ = now;
      for (const auto& opener : openers_) OpenNext(*opener);
      return kNever;
    });
    const absl::Status measured = meter_.Measure(kTimeout, [this] { return IsOver(); });
    if (!measured.ok()) return measured;
    if (left_ != leaves_wanted()) {
      return absl::DataLossError(absl::StrCat(
          came_, " of ", comings_wanted(), " frames of coming, and ", left_, " of ",
          leaves_wanted(), " of leaving, in ", kTimeout / kSecond, " s"));
    }
    AddFigure("come_s", "from the first connection until all have seen all",
              all_came_at_ - begun_at_);
    AddFigure("come_after_last_open_s", "of it after the last session was open",
              all_came_at_ - last_opened_at_);
    if (options_.leave) {
      AddFigure("leave_s", "from the first close until all who stay have seen all leave",
                all_left_at_ - all_came_at_);
    }
    return absl::OkStatus();
  }

  void OnPresence(size_t session, const OldFrame& frame) override {
    const size_t about = IndexOf(frame.user);
    if (about >= count_ || about == session) return FailWith(session, frame);
    meter_.Count();
    if (frame.active) {
      if (saw_come_[session * count_ + about] || saw_come_[about * count_ + session]) {
        return FailWith(session, frame);
      }
      saw_come_[session * count_ + about] = true;
      ++came_;
      const int64_t opened_at = opened_at_[about];
      meter_.Record(opened_at == kNever ? 0 : loop_.now() - opened_at);
    } else if (!Leaves(session)) {
      if (!Leaves(about) || all_came_at_ == 0 || saw_leave_[session * count_ + about]) {
        return FailWith(session, frame);
      }
      saw_leave_[session * count_ + about] = true;
      ++left_;
    }
  }

 private:
  bool Leaves(size_t session) const { return options_.leave && session % 2 == 1; }

  size_t comings_wanted() const { return count_ * (count_ - 1) / 2; }
  size_t leaves_wanted() const {
    return options_.leave ? (count_ - count_ / 2) * (count_ / 2) : 0;
  }

  void OpenNext(SessionOpener& opener) {
    if (begun_ == count_) return;
    const size_t session = begun_++;
    opener.Open(users_[session], crowd_.client(session),
                [this, session, &opener](int64_t) {
                  opened_at_[session] = last_opened_at_ = loop_.now();
                  ++opened_;
                  OpenNext(opener);
                });
  }

  bool IsOver() {
    if (all_came_at_ == 0) {
      if (opened_ < count_ || came_ < comings_wanted()) return false;
      all_came_at_ = Now();
      for (size_t i = 0; i < count_; ++i) {
        if (Leaves(i)) crowd_.Leave(i);
      }
    }
    if (left_ < leaves_wanted()) return false;
    all_left_at_ = Now();
    return true;
  }

  // The number at the end of a name.
  static size_t IndexOf(std::string_view user) {
    size_t index;
    const std::string_view number = user.substr(user.rfind('_') + 1);
    return absl::SimpleAtoi(AbslView(number), &index) ? index : SIZE_MAX;
  }

  void FailWith(size_t session, const OldFrame& frame) {
    loop_.Fail(absl::DataLossError(
        absl::StrCat(users_[session].name, " is told wrongly, or once more, that ",
                     AbslView(frame.user), frame.active ? " came" : " left")));
  }

  void AddFigure(const char* name, const char* meaning, int64_t ns) {
    report_.figures.push_back({name, static_cast<double>(ns) / kSecond, "s", meaning});
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Meter meter_;
  const size_t count_;
  std::vector<User> users_;
  Crowd crowd_;
  OpenTimes times_;
  std::vector<std::unique_ptr<SessionOpener>> openers_;
  std::vector<int64_t> opened_at_;  // by user
  std::vector<bool> saw_come_;      // by who saw and who came
  std::vector<bool> saw_leave_;
  size_t begun_ = 0;
  size_t opened_ = 0;
  size_t came_ = 0;  // frames
  size_t left_ = 0;  // frames, to those who stay
  int64_t begun_at_ = 0;
  int64_t last_opened_at_ = 0;
  int64_t all_came_at_ = 0;
  int64_t all_left_at_ = 0;
};

}  // namespace

absl::Status RunPresence(EventLoop& loop, const Options& options, Report& report) {
  return PresenceLoad(loop, options, report).Run();
}

}  // namespace chatter::loadgen
