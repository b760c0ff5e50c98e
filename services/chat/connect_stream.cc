#include "services/chat/connect_stream.h"

#include <cstddef>
#include <cstdint>
#include <utility>

#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

// The only session of its stream.
constexpr uint64_t kSessionId = 1;
// A gRPC message carries one frame.
constexpr size_t kBatchBytes = 1;

}  // namespace

ConnectStream::ConnectStream(RpcLoop& loop, const SessionServices& services,
                             Authenticator& authenticator)
    : StreamCall(loop, kMaxConnectBacklogBytes, kBatchBytes),
      services_(services),
      authenticator_(authenticator) {}

void ConnectStream::Start() {
  {
    absl::MutexLock lock(&mutex_);
    authenticating_ = true;
  }
  authenticator_.Authenticate(context(),
                              [self = shared_from_this()](absl::StatusOr<UserRef> user) {
                                self->OnAuthenticated(std::move(user));
                              });
}

void ConnectStream::OnAuthenticated(absl::StatusOr<UserRef> user) {
  if (user.ok()) {
    user_ = *std::move(user);
    Read();
  } else {
    Finish(user.status());
  }
  {
    absl::MutexLock lock(&mutex_);
    authenticating_ = false;
  }
  Flush();  // ends it when that is wanted
}

absl::Status ConnectStream::Handle(v1::ClientFrame& frame) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    if (frame.has_send()) ++unanswered_;
    session = session_;
  }
  return session == nullptr ? HandleFirst(frame) : HandleFrame(services_, session, frame);
}

absl::Status ConnectStream::HandleFirst(const v1::ClientFrame& frame) {
  if (!frame.has_hello()) {
    return absl::InvalidArgumentError("a session's first frame is hello");
  }
  auto session = std::make_shared<Session>(user_, shared_from_this(), kSessionId);
  {
    absl::MutexLock lock(&mutex_);
    session_ = session;
  }
  services_.metrics.connect_sessions.Add(1);
  OpenSession(services_, session);
  return absl::OkStatus();
}

void ConnectStream::OnReadsOver() {
  absl::MutexLock lock(&mutex_);
  half_closed_ = true;
}

void ConnectStream::Enqueue(v1::Delivery& delivery) {
  if (!delivery.has_frame()) return;
  v1::ServerFrame& frame = *delivery.mutable_frame();
  const size_t bytes = frame.ByteSizeLong() + sizeof(v1::ServerFrame);
  absl::MutexLock lock(&mutex_);
  if (delivery.answered() != 0) --unanswered_;
  v1::ServerFrame* const waiting = Admit(bytes);
  if (waiting != nullptr) waiting->Swap(&frame);
}

void ConnectStream::CloseSessions() {
  // The session and the stream hold each other.
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    session = std::move(session_);
  }
  if (session == nullptr) return;
  services_.metrics.connect_sessions.Add(-1);
  services_.registry.Close(*session);
}

void ConnectStream::End() {
  v1::Delivery delivery;
  delivery.add_sessions(kSessionId);
  v1::GoAway& goaway = *delivery.mutable_frame()->mutable_goaway();
  goaway.set_reconnect(true);
  goaway.set_after_ms(1000);
  Enqueue(delivery);
  Finish(absl::UnavailableError("The chat service stops"));
}

}  // namespace chatter::chat
