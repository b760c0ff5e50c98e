// The tickets with which WebSocket sessions are opened.
#ifndef CHATTER_SERVICES_CHAT_WS_TOKENS_H_
#define CHATTER_SERVICES_CHAT_WS_TOKENS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/chat/batch_worker.h"
#include "services/chat/chat_metrics.h"
#include "storage/storage.h"

namespace chatter::chat {

struct IssuedToken {
  std::string token;  // 32 random bytes in URL-safe base64 without padding: 43 characters
  absl::Time expires;
};

// Single use, five minutes, stored as a SHA-256 only: contract.md, "token". Tokens that
// come in while a transaction runs share the next one. Thread-safe; `done` runs on
// another thread, or on this one when the call is refused.
class WsTokens {
 public:
  using Issued = absl::AnyInvocable<void(absl::StatusOr<IssuedToken>)>;
  // nullopt: the token is unknown, used or expired.
  using Redeemed = absl::AnyInvocable<void(absl::StatusOr<std::optional<storage::User>>)>;

  WsTokens(storage::Storage& storage, ChatMetrics& metrics, const Clock& clock);

  // kUnavailable, kResourceExhausted when 10,000 wait.
  void Issue(const storage::User& user, Issued done);
  void Redeem(std::string_view token, Redeemed done);

  // Returns when all that was asked before is answered.
  void Drain();

 private:
  struct PendingIssue {
    int64_t user_id;
    Issued done;
  };
  struct PendingRedeem {
    storage::TokenHash hash;
    Redeemed done;
  };

  void IssueAll(std::vector<PendingIssue>& batch);
  void RedeemAll(std::vector<PendingRedeem>& batch);
  void SweepExpired(absl::Time now);

  storage::Storage& storage_;
  ChatMetrics& metrics_;
  const Clock& clock_;
  absl::Time next_sweep_;  // of the issuing thread
  BatchWorker<PendingIssue> issue_;
  BatchWorker<PendingRedeem> redeem_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_WS_TOKENS_H_
