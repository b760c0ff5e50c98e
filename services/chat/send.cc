#include "services/chat/send.h"

#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "services/base/protocol.h"

namespace chatter::chat {

const Refusal kUnknownRecipientRefusal = {error_code::kUnknownRecipient,
                                          "There is no user with this name",
                                          absl::StatusCode::kNotFound};
const Refusal kOverloadedRefusal = {
    error_code::kOverloaded, "Too many messages wait to be stored; try again soon",
    absl::StatusCode::kResourceExhausted, absl::Seconds(1)};
const Refusal kUnavailableRefusal = {error_code::kUnavailable,
                                     "Messages cannot be stored now; this one was not",
                                     absl::StatusCode::kUnavailable, absl::Seconds(2)};
const Refusal kUnknownOutcomeRefusal = {
    error_code::kUnknownOutcome,
    "The storage failed while it stored this message; look whether it is in the history",
    absl::StatusCode::kUnknown, absl::Seconds(2)};

namespace {

bool HasNul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// Not sooner: a client that waits for less than a millisecond would come too early.
int64_t RetryAfterMs(const Refusal& refusal) {
  return absl::ToInt64Milliseconds(
      absl::Ceil(refusal.retry_after, absl::Milliseconds(1)));
}

Refusal Invalid(std::string_view code, std::string_view message) {
  return {code, message, absl::StatusCode::kInvalidArgument};
}

}  // namespace

Refusal RateLimitedRefusal(absl::Duration retry_after) {
  return {error_code::kRateLimited, "You send too many messages; try again soon",
          absl::StatusCode::kResourceExhausted, retry_after};
}

std::optional<Refusal> CheckSend(const v1::Send& send, std::string_view sender) {
  if (!send.from().empty() && send.from() != sender) {
    return Refusal{error_code::kWrongSender, "A message is sent in one's own name",
                   absl::StatusCode::kPermissionDenied};
  }
  if (send.to().empty()) return kUnknownRecipientRefusal;
  if (send.text().empty() && send.image_path().empty()) {
    return Invalid(error_code::kEmptyMessage, "A message has a text or an image");
  }
  if (send.text().size() > kMaxTextBytes) {
    return Invalid(error_code::kTooLong, "The text is longer than 65536 bytes");
  }
  if (send.image_path().size() > kMaxImagePathBytes) {
    return Invalid(error_code::kTooLong, "The image path is longer than 2048 bytes");
  }
  if (send.client_id().size() > kMaxClientIdBytes) {
    return Invalid(error_code::kTooLong, "The client id is longer than 64 bytes");
  }
  if (HasNul(send.text()) || HasNul(send.image_path()) || HasNul(send.client_id()) ||
      HasNul(send.to())) {
    return Invalid(error_code::kBadFrame, "A NUL character cannot be stored");
  }
  return std::nullopt;
}

void FillError(const Refusal& refusal, std::string_view client_id, v1::Error& error) {
  error.set_client_id(std::string(client_id));
  error.set_code(std::string(refusal.code));
  error.set_message(std::string(refusal.message));
  error.set_retry_after_ms(static_cast<int32_t>(RetryAfterMs(refusal)));
}

absl::Status ToStatus(const Refusal& refusal) {
  absl::Status status(refusal.status, AbslView(refusal.message));
  if (const int64_t ms = RetryAfterMs(refusal); ms > 0) {
    status.SetPayload(kRetryAfterMetadata, absl::Cord(absl::StrCat(ms)));
  }
  return status;
}

PendingSend MakePendingSend(v1::Send& send, UserRef sender) {
  PendingSend pending;
  pending.sender = std::move(sender);
  pending.to = std::move(*send.mutable_to());
  pending.text = std::move(*send.mutable_text());
  pending.image_path = std::move(*send.mutable_image_path());
  pending.client_id = std::move(*send.mutable_client_id());
  return pending;
}

void Refuse(PendingSend& send, const Refusal& refusal, RefusalMetrics& metrics) {
  metrics.Add(refusal.code);
  if (send.session == nullptr) {
    send.done(ToStatus(refusal));
    return;
  }
  Session& session = *send.session;
  v1::Delivery delivery;
  delivery.add_sessions(session.id());
  delivery.set_answered(session.id());
  FillError(refusal, send.client_id, *delivery.mutable_frame()->mutable_error());
  session.EndSend();
  session.stream().Enqueue(delivery);
  session.stream().Flush();
}

}  // namespace chatter::chat
