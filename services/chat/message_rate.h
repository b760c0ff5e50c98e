#ifndef CHATTER_SERVICES_CHAT_MESSAGE_RATE_H_
#define CHATTER_SERVICES_CHAT_MESSAGE_RATE_H_

#include <optional>

#include "services/base/clock.h"
#include "services/base/rate_limit.h"
#include "services/chat/send.h"
#include "services/chat/user.h"

namespace chatter::chat {

// MESSAGE_RATE: how many messages a user may send a second, from all sessions and calls
// together; ten seconds' worth may come at once. Thread-safe.
class MessageRate {
 public:
  // 0: no limit.
  MessageRate(int per_second, const Clock& clock)
      : rate_(per_second, int64_t{10} * per_second), clock_(clock) {}

  // Counts a message, unless it is one too many.
  std::optional<Refusal> Count(const User& sender) const {
    if (!rate_.is_on()) return std::nullopt;
    const absl::Duration wait = rate_.Take(sender.send_bucket(), clock_.Uptime());
    if (wait == absl::ZeroDuration()) return std::nullopt;
    return RateLimitedRefusal(wait);
  }

 private:
  const RateLimit rate_;
  const Clock& clock_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_MESSAGE_RATE_H_
