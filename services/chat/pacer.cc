#include "services/chat/pacer.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace chatter::chat {

absl::Duration Pacer::PaceAfter(const std::vector<PendingSend>& batch) {
  bool is_alone = true;
  for (const PendingSend& send : batch) is_alone = Continues(send) && is_alone;
  return is_alone ? absl::ZeroDuration() : kPace;
}

bool Pacer::Continues(const PendingSend& send) {
  const auto [low, high] = std::minmax<std::string_view>({send.sender->name, send.to});
  const bool continues = send.sender->id == sender_ || (low == low_ && high == high_);
  sender_ = send.sender->id;
  low_ = low;
  high_ = high;
  return continues;
}

}  // namespace chatter::chat
