// A message on its way into storage, and the rules that it must keep to.
#ifndef CHATTER_SERVICES_CHAT_SEND_H_
#define CHATTER_SERVICES_CHAT_SEND_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "chatter/v1/frames.pb.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/session.h"

namespace chatter::chat {

// Why a send was refused: an error frame for a session, a status for a call.
struct Refusal {
  std::string_view code;  // one of services/base/protocol.h
  std::string_view message;
  absl::StatusCode status;
  absl::Duration retry_after = absl::ZeroDuration();  // zero: never, as it stands
};

// The refusals that more than one file gives.
extern const Refusal kUnknownRecipientRefusal;
extern const Refusal kOverloadedRefusal;
extern const Refusal kUnavailableRefusal;
extern const Refusal kUnknownOutcomeRefusal;

// More than MESSAGE_RATE allows.
Refusal RateLimitedRefusal(absl::Duration retry_after);

// Checks all that can be told without storage; nullopt when the send may go on.
std::optional<Refusal> CheckSend(const v1::Send& send, std::string_view sender);

// Fills an error frame. `client_id` may be empty.
void FillError(const Refusal& refusal, std::string_view client_id, v1::Error& error);

// With kRetryAfterMetadata as a payload, when it makes sense to try again.
absl::Status ToStatus(const Refusal& refusal);

struct PendingSend {
  UserRef sender;
  std::string to;
  std::string text;
  std::string image_path;
  std::string client_id;
  absl::Duration taken;  // uptime when it came to the append queue
  // Who hears of the outcome: the session that sent it, or the call's `done`.
  std::shared_ptr<Session> session;
  absl::AnyInvocable<void(absl::StatusOr<v1::Message>)> done;

  // Roughly what it occupies, in bytes.
  size_t weight() const {
    return sizeof(PendingSend) + to.size() + text.size() + image_path.size() +
           client_id.size();
  }
};

// Moves the texts out of `send`.
PendingSend MakePendingSend(v1::Send& send, UserRef sender);

// Tells a session, or the call, that the send was refused. Counts as its answer.
void Refuse(PendingSend& send, const Refusal& refusal, RefusalMetrics& metrics);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_SEND_H_
