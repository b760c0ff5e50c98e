#include "services/chat/session_frames.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/protocol.h"
#include "services/chat/send.h"

namespace chatter::chat {
namespace {

void HandleSend(const SessionServices& services, const std::shared_ptr<Session>& session,
                v1::Send& frame) {
  const bool within_bound = session->BeginSend();
  std::optional<Refusal> refusal =
      within_bound ? CheckSend(frame, session->user()->name) : kOverloadedRefusal;
  if (!refusal.has_value()) refusal = services.message_rate.Count(*session->user());
  PendingSend send = MakePendingSend(frame, session->user());
  send.session = session;
  if (refusal.has_value()) {
    Refuse(send, *refusal, services.metrics.refusals);
  } else {
    services.append_queue.Submit(std::move(send));
  }
}

// What is not a send's refusal.
void SendError(const SessionServices& services, Session& session,
               const Refusal& refusal) {
  services.metrics.refusals.Add(refusal.code);
  v1::Delivery delivery;
  delivery.add_sessions(session.id());
  FillError(refusal, "", *delivery.mutable_frame()->mutable_error());
  session.stream().Enqueue(delivery);
}

void HandlePing(const SessionServices& services, Session& session, v1::Ping& ping) {
  if (ping.payload().size() > kMaxPingPayloadBytes) {
    return SendError(
        services, session,
        {error_code::kTooLong, "The payload of a ping is longer than 125 bytes",
         absl::StatusCode::kInvalidArgument});
  }
  v1::Delivery delivery;
  delivery.add_sessions(session.id());
  delivery.mutable_frame()->mutable_pong()->mutable_payload()->swap(
      *ping.mutable_payload());
  session.stream().Enqueue(delivery);
}

}  // namespace

void OpenSession(const SessionServices& services,
                 const std::shared_ptr<Session>& session) {
  static std::atomic<uint64_t> opened{0};
  v1::Delivery delivery;
  delivery.add_sessions(session->id());
  v1::Welcome& welcome = *delivery.mutable_frame()->mutable_welcome();
  welcome.set_session(absl::StrCat(opened.fetch_add(1, std::memory_order_relaxed) + 1));
  welcome.set_user(session->user()->name);
  welcome.set_epoch(services.epoch);
  v1::Limits& limits = *welcome.mutable_limits();
  limits.set_text_bytes(kMaxTextBytes);
  limits.set_image_path_bytes(kMaxImagePathBytes);
  limits.set_client_id_bytes(kMaxClientIdBytes);
  limits.set_unanswered_sends(kMaxUnansweredSends);
  session->stream().Enqueue(delivery);
  services.registry.Open(session);
}

absl::Status HandleFrame(const SessionServices& services,
                         const std::shared_ptr<Session>& session,
                         v1::ClientFrame& frame) {
  switch (frame.frame_case()) {
    case v1::ClientFrame::kSend:
      HandleSend(services, session, *frame.mutable_send());
      return absl::OkStatus();
    case v1::ClientFrame::kPing:
      HandlePing(services, *session, *frame.mutable_ping());
      return absl::OkStatus();
    case v1::ClientFrame::kHello:
      return absl::InvalidArgumentError("a session has one hello");
    case v1::ClientFrame::FRAME_NOT_SET:
      break;
  }
  // A frame of a later version of the protocol.
  SendError(services, *session,
            {error_code::kBadFrame, "This service does not know the frame",
             absl::StatusCode::kInvalidArgument});
  return absl::OkStatus();
}

}  // namespace chatter::chat
