#include "tools/loadgen/crowd.h"

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"

namespace chatter::loadgen {
namespace {

constexpr int kNormalClose = 1000;

}  // namespace

class Crowd::Member : public WsClient::Owner {
 public:
  Member(EventLoop& loop, size_t index, Observer& observer)
      : loop_(loop), index_(index), observer_(observer), client_(loop, *this) {}

  WsClient& client() { return client_; }
  bool is_closed() const { return closed_; }

  void Leave() {
    leaving_ = true;
    client_.StartClose();
  }

  void OnText(std::string_view payload) override {
    const OldFrame frame = ReadOldFrame(payload);
    if (frame.kind == OldFrame::Kind::kPresence) {
      return observer_.OnPresence(index_, frame);
    }
    loop_.Fail(absl::DataLossError(
        absl::StrCat("an idle session got ", AbslView(payload.substr(0, 200)))));
  }

  void OnClosed(int code) override {
    closed_ = true;
    if (leaving_ && code == kNormalClose) return;
    loop_.Fail(
        absl::UnavailableError(absl::StrCat("an idle session was closed with ", code)));
  }

  void OnPing() override { observer_.OnPing(); }

 private:
  EventLoop& loop_;
  const size_t index_;
  Observer& observer_;
  WsClient client_;
  bool leaving_ = false;
  bool closed_ = false;
};

Crowd::Crowd(EventLoop& loop, size_t sessions, Observer& observer) {
  members_.reserve(sessions);
  for (size_t i = 0; i < sessions; ++i) {
    members_.push_back(std::make_unique<Member>(loop, i, observer));
  }
}

Crowd::~Crowd() = default;

WsClient& Crowd::client(size_t session) { return members_[session]->client(); }

void Crowd::Leave(size_t session) { members_[session]->Leave(); }

bool Crowd::is_closed(size_t session) const { return members_[session]->is_closed(); }

}  // namespace chatter::loadgen
