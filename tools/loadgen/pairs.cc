#include "tools/loadgen/pairs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/session_opener.h"

namespace chatter::loadgen {
namespace {

// Of one sender, that the server does not read.
constexpr size_t kMaxWaitingBytes = 64 << 20;
constexpr int64_t kDrainTimeout = 15 * kSecond;

}  // namespace

std::string Flow::Missing() const {
  return absl::StrCat("from ", from_.name, " to ", to_.name, ": ", sent_, " sent, ",
                      delivered(), " came, ", echoed(), " came back");
}

void Flow::Send(int64_t messages) {
  buffer_.clear();
  for (int64_t i = 0; i < messages; ++i) frames_.AppendNext(buffer_);
  sent_ += messages;
  sender_.Send(buffer_);
  if (sender_.waiting_bytes() > kMaxWaitingBytes) {
    loop_.Fail(absl::ResourceExhaustedError(absl::StrCat(
        "more than ", kMaxWaitingBytes, " bytes of ", from_.name, " wait to be read")));
  }
}

bool Flow::OnMessage(std::string_view text) { return Check(text, to_come_, to_); }

bool Flow::OnEcho(std::string_view text) { return Check(text, to_echo_, from_); }

bool Flow::Check(std::string_view text, NumberedText& expected, const User& at) {
  if (expected.number() < sent_ && expected.Take(text)) return true;
  loop_.Fail(absl::DataLossError(absl::StrCat(
      at.name, " got message ", NumberOf(text), " from ", from_.name, " to ", to_.name,
      "; number ", expected.number(), " should come, of ", sent_)));
  return false;
}

class Pairs::Peer : public WsClient::Owner {
 public:
  Peer(EventLoop& loop, const User& user, Observer& observer)
      : loop_(loop), user_(user), observer_(observer), client_(loop, *this) {}

  const User& user() const { return user_; }
  WsClient& client() { return client_; }
  void set_out(Flow* flow) { out_ = flow; }
  void set_in(Flow* flow) { in_ = flow; }

  void OnText(std::string_view payload) override {
    const OldFrame frame = ReadOldFrame(payload);
    if (frame.kind == OldFrame::Kind::kPresence) return;
    const bool is_message = frame.kind == OldFrame::Kind::kMessage;
    if (is_message && out_ != nullptr && frame.from == user_.name) {
      out_->OnEcho(frame.text);
    } else if (is_message && in_ != nullptr) {
      const int64_t number = in_->delivered();
      if (in_->OnMessage(frame.text)) observer_.OnDelivered(*in_, number);
    } else {
      loop_.Fail(absl::DataLossError(
          absl::StrCat(user_.name, " got ", AbslView(payload.substr(0, 200)))));
    }
  }

  void OnClosed(int code) override {
    loop_.Fail(absl::UnavailableError(
        absl::StrCat("the session of ", user_.name, " was closed with ", code)));
  }

 private:
  EventLoop& loop_;
  const User& user_;
  Observer& observer_;
  WsClient client_;
  Flow* out_ = nullptr;
  Flow* in_ = nullptr;
};

Pairs::Pairs(EventLoop& loop, const Options& options, Observer& observer)
    : loop_(loop), options_(options), observer_(observer) {}

Pairs::~Pairs() = default;

absl::Status Pairs::Open() {
  absl::StatusOr<std::vector<User>> users =
      PrepareUsers(loop_, options_, 2 * options_.pairs);
  if (!users.ok()) return users.status();
  users_ = *std::move(users);
  std::vector<Opening> openings;
  for (const User& user : users_) {
    peers_.push_back(std::make_unique<Peer>(loop_, user, observer_));
    openings.push_back({user, peers_.back()->client()});
  }
  const auto add_flow = [this](Peer& from, Peer& to) {
    flows_.push_back(std::make_unique<Flow>(loop_, flows_.size(), from.user(), to.user(),
                                            from.client(), options_.text_bytes));
    from.set_out(flows_.back().get());
    to.set_in(flows_.back().get());
  };
  for (size_t i = 0; i < peers_.size(); i += 2) {
    add_flow(*peers_[i], *peers_[i + 1]);
    if (options_.both_ways) add_flow(*peers_[i + 1], *peers_[i]);
  }
  return OpenSessions(loop_, options_, openings, options_.clients);
}

absl::Status Pairs::Drain() {
  const auto settled = [](const std::unique_ptr<Flow>& flow) {
    return flow->is_settled();
  };
  const auto done = [&] { return std::all_of(flows_.begin(), flows_.end(), settled); };
  const absl::Status drained = loop_.Await(done, kDrainTimeout, "the last messages");
  if (!absl::IsDeadlineExceeded(drained)) return drained;
  const auto first = std::find_if_not(flows_.begin(), flows_.end(), settled);
  return absl::DataLossError(absl::StrCat("lost ", (*first)->Missing()));
}

}  // namespace chatter::loadgen
