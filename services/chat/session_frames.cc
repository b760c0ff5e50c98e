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
    Refuse(send, *refusal);
  } else {
    services.append_queue.Submit(std::move(send));
  }
}

void HandlePing(Session& session, v1::Ping& ping) {
  v1::Delivery delivery;
  delivery.add_sessions(session.id());
  if (ping.payload().size() > kMaxPingPayloadBytes) {
    FillError({error_code::kTooLong, "The payload of a ping is longer than 125 bytes",
               absl::StatusCode::kInvalidArgument},
              "", *delivery.mutable_frame()->mutable_error());
  } else {
    delivery.mutable_frame()->mutable_pong()->mutable_payload()->swap(
        *ping.mutable_payload());
  }
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
      HandlePing(*session, *frame.mutable_ping());
      return absl::OkStatus();
    case v1::ClientFrame::kHello:
      return absl::InvalidArgumentError("a session has one hello");
    case v1::ClientFrame::FRAME_NOT_SET:
      break;
  }
  // A frame of a later version of the protocol.
  v1::Delivery delivery;
  delivery.add_sessions(session->id());
  FillError({error_code::kBadFrame, "This service does not know the frame",
             absl::StatusCode::kInvalidArgument},
            "", *delivery.mutable_frame()->mutable_error());
  session->stream().Enqueue(delivery);
  return absl::OkStatus();
}

}  // namespace chatter::chat
