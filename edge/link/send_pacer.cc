#include "edge/link/send_pacer.h"

#include <utility>

namespace chatter::edge {

void SendPacer::OnSend(uint64_t session) {
  ++sent_;
  if (session == last_) return;
  if (session != last_but_one_ && last_but_one_ != 0) in_company_ = true;
  last_but_one_ = std::exchange(last_, session);
}

absl::Duration SendPacer::PauseAfterFlush(absl::Duration now) {
  const int sent = std::exchange(sent_, 0);
  const bool in_company = std::exchange(in_company_, false);
  if (now - counted_since_ >= kPause) {
    were_many_ = counted_ >= kMany && now - counted_since_ < 2 * kPause;
    counted_since_ = now;
    counted_ = 0;
  }
  counted_ += sent;
  const bool are_many = were_many_ || counted_ >= kMany;
  return in_company && !are_many ? kPause : absl::ZeroDuration();
}

}  // namespace chatter::edge
