#include "services/chat/attach_stream.h"

#include <utility>
#include <vector>

#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

// A batch is closed when it has reached this size; the next one is begun.
constexpr size_t kBatchBytes = 1 << 20;

// Of so many the next ones are read while these are stored: there is much to do.
constexpr int kFewEvents = 10;

// Close enough for a bound, without the cost of measuring.
size_t ApproximateBytes(const v1::Delivery& delivery) {
  size_t bytes = 128 + sizeof(uint64_t) * static_cast<size_t>(delivery.sessions_size());
  if (delivery.has_frame() && delivery.frame().has_message()) {
    const v1::Message& message = delivery.frame().message();
    bytes += message.text().size() + message.image_path().size();
  }
  return bytes;
}

}  // namespace

AttachStream::AttachStream(RpcLoop& loop, const SessionServices& services)
    : StreamCall(loop, kMaxAttachBacklogBytes, kBatchBytes), services_(services) {}

void AttachStream::Start() {
  SendHeaders();
  Read();
}

absl::Status AttachStream::Handle(v1::EdgeBatch& batch) {
  for (v1::EdgeEvent& event : *batch.mutable_events()) {
    absl::Status status = HandleEvent(event);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

// A few messages that are stored at once. More that comes meanwhile would wait for the
// next transaction all the same.
bool AttachStream::IsAnsweredSoon(const v1::EdgeBatch& batch) const {
  if (batch.events().empty() || batch.events_size() > kFewEvents) return false;
  for (const v1::EdgeEvent& event : batch.events()) {
    if (!event.frame().has_send()) return false;
  }
  return services_.append_queue.is_idle();
}

absl::Status AttachStream::HandleEvent(v1::EdgeEvent& event) {
  const uint64_t id = event.session();
  if (id == 0) return absl::InvalidArgumentError("a session's number is not 0");
  switch (event.event_case()) {
    case v1::EdgeEvent::kEnd:
      CloseSession(id);
      return absl::OkStatus();
    case v1::EdgeEvent::kFrame:
      break;
    case v1::EdgeEvent::EVENT_NOT_SET:
      return absl::InvalidArgumentError("an event is a frame or an end");
  }
  v1::ClientFrame& frame = *event.mutable_frame();
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&sessions_mutex_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) {
      if (!frame.has_hello()) {
        return absl::InvalidArgumentError("a session's first frame is hello");
      }
    } else {
      if (it->second == nullptr) {
        return absl::InvalidArgumentError("a hello waits for its answer");
      }
      session = it->second;
    }
  }
  if (session == nullptr) return HandleHello(id, frame.hello());
  return HandleFrame(services_, session, frame);
}

absl::Status AttachStream::HandleHello(uint64_t id, const v1::Hello& hello) {
  bool full;
  {
    absl::MutexLock lock(&sessions_mutex_);
    full = sessions_.size() >= static_cast<size_t>(kMaxSessionsPerStream);
    if (!full) sessions_.emplace(id, nullptr);
  }
  if (full) {
    RefuseSession(id, v1::SessionClosed::UNAVAILABLE);
    return absl::OkStatus();
  }
  services_.tokens.Redeem(
      hello.token(),
      [self = shared_from_this(), id](absl::StatusOr<std::optional<storage::User>> user) {
        self->OnRedeemed(id, std::move(user));
        self->Flush();
      });
  return absl::OkStatus();
}

void AttachStream::OnRedeemed(uint64_t id,
                              absl::StatusOr<std::optional<storage::User>> user) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&sessions_mutex_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return;  // the client left meanwhile
    if (user.ok() && user->has_value()) {
      session = std::make_shared<Session>(services_.users.Share(**std::move(user)),
                                          shared_from_this(), id);
      it->second = session;
    } else {
      sessions_.erase(it);
    }
  }
  if (session != nullptr) {
    services_.metrics.edge_sessions.Add(1);
    OpenSession(services_, session);
  } else {
    RefuseSession(
        id, user.ok() ? v1::SessionClosed::BAD_TOKEN : v1::SessionClosed::UNAVAILABLE);
  }
}

void AttachStream::RefuseSession(uint64_t id, v1::SessionClosed::Reason reason) {
  v1::Delivery delivery;
  delivery.add_sessions(id);
  delivery.mutable_closed()->set_reason(reason);
  Enqueue(delivery);
}

void AttachStream::CloseSession(uint64_t id) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&sessions_mutex_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return;
    session = std::move(it->second);
    sessions_.erase(it);
  }
  if (session == nullptr) return;
  services_.metrics.edge_sessions.Add(-1);
  services_.registry.Close(*session);
}

std::vector<uint64_t> AttachStream::CloseAllSessions() {
  absl::flat_hash_map<uint64_t, std::shared_ptr<Session>> sessions;
  {
    absl::MutexLock lock(&sessions_mutex_);
    sessions.swap(sessions_);
  }
  std::vector<uint64_t> ids;
  ids.reserve(sessions.size());
  for (const auto& [id, session] : sessions) {
    ids.push_back(id);
    if (session == nullptr) continue;
    services_.metrics.edge_sessions.Add(-1);
    services_.registry.Close(*session);
  }
  return ids;
}

void AttachStream::Enqueue(v1::Delivery& delivery) {
  const size_t bytes = ApproximateBytes(delivery);
  absl::MutexLock lock(&mutex_);
  v1::ChatBatch* const batch = Admit(bytes);
  if (batch != nullptr) batch->add_deliveries()->Swap(&delivery);
}

void AttachStream::End() {
  v1::Delivery delivery;
  for (const uint64_t id : CloseAllSessions()) delivery.add_sessions(id);
  if (delivery.sessions_size() > 0) {
    delivery.mutable_closed()->set_reason(v1::SessionClosed::GOING_AWAY);
    Enqueue(delivery);
  }
  Finish(absl::OkStatus());
}

}  // namespace chatter::chat
