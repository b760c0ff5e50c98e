#include "services/chat/attach_stream.h"

#include <utility>
#include <vector>

#include "services/base/grpc_status.h"
#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

// A batch is closed when it has reached this size; the next one is begun.
constexpr size_t kBatchBytes = 1 << 20;

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

AttachStream::AttachStream(const SessionServices& services, Gone gone)
    : services_(services), gone_(std::move(gone)), waiting_(1) {}

void AttachStream::Start() {
  {
    absl::MutexLock lock(&mutex_);
    if (stop_reading_) return;
    read_in_flight_ = true;
  }
  stream_.Read(&incoming_, &read_tag_);
}

void AttachStream::OnRead(bool ok) {
  bool stop;
  {
    absl::MutexLock lock(&mutex_);
    read_in_flight_ = false;
    stop = stop_reading_;
  }
  absl::Status status;
  if (ok && !stop) {
    for (v1::EdgeEvent& event : *incoming_.mutable_events()) {
      status = HandleEvent(event);
      if (!status.ok()) break;
    }
    Flush();
  }
  if (!ok || !status.ok()) {
    CloseAllSessions();
    Finish(status);
  } else if (!stop) {
    Start();
  }
  GoneIfIdle();
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
  services_.tokens.Redeem(hello.token(),
                          [self = shared_from_this(), id](absl::StatusOr<UserRef> user) {
                            self->OnRedeemed(id, std::move(user));
                            self->Flush();
                          });
  return absl::OkStatus();
}

void AttachStream::OnRedeemed(uint64_t id, absl::StatusOr<UserRef> user) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&sessions_mutex_);
    const auto it = sessions_.find(id);
    if (it == sessions_.end()) return;  // the client left meanwhile
    if (user.ok() && *user != nullptr) {
      session = std::make_shared<Session>(*std::move(user), shared_from_this(), id);
      it->second = session;
    } else {
      sessions_.erase(it);
    }
  }
  if (session != nullptr) {
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
  if (session != nullptr) services_.registry.Close(*session);
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
    if (session != nullptr) services_.registry.Close(*session);
  }
  return ids;
}

void AttachStream::Enqueue(v1::Delivery& delivery) {
  const size_t bytes = ApproximateBytes(delivery);
  absl::MutexLock lock(&mutex_);
  if (broken_ || finish_wanted_) return;
  if (waiting_bytes_ + bytes > kMaxAttachBacklogBytes) {
    broken_ = overflowed_ = true;
    waiting_.clear();
    waiting_.emplace_back();
    return;
  }
  if (waiting_.back().bytes >= kBatchBytes) waiting_.emplace_back();
  waiting_.back().batch.add_deliveries()->Swap(&delivery);
  waiting_.back().bytes += bytes;
  waiting_bytes_ += bytes;
}

void AttachStream::Flush() {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    action = NextAction();
  }
  Perform(action);
}

AttachStream::Action AttachStream::NextAction() {
  if (overflowed_) {
    overflowed_ = false;
    return Action::kCancel;
  }
  if (write_in_flight_ || finish_started_) return Action::kNone;
  WaitingBatch& next = waiting_.front();
  if (!broken_ && next.bytes > 0) {
    write_in_flight_ = true;
    outgoing_.Swap(&next.batch);
    waiting_bytes_ -= std::exchange(next.bytes, 0);
    if (waiting_.size() > 1) waiting_.pop_front();
    return Action::kWrite;
  }
  if (finish_wanted_) {
    finish_started_ = true;
    return Action::kFinish;
  }
  return Action::kNone;
}

// Outside the lock: gRPC may send on this thread.
void AttachStream::Perform(Action action) {
  switch (action) {
    case Action::kNone:
      return;
    case Action::kWrite:
      stream_.Write(outgoing_, &write_tag_);
      return;
    case Action::kFinish:
      stream_.Finish(final_status_, &finish_tag_);
      return;
    case Action::kCancel:
      Cancel();
      return;
  }
}

void AttachStream::OnWritten(bool ok) {
  outgoing_.Clear();
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    write_in_flight_ = false;
    if (!ok) broken_ = true;
    action = NextAction();
  }
  Perform(action);
  GoneIfIdle();
}

void AttachStream::Finish(const absl::Status& status) {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    if (finish_wanted_) return;
    finish_wanted_ = true;
    final_status_ = ToGrpc(status);
    action = NextAction();
  }
  Perform(action);
}

void AttachStream::OnFinished(bool /*ok*/) {
  {
    absl::MutexLock lock(&mutex_);
    finish_done_ = true;
  }
  GoneIfIdle();
}

void AttachStream::GoneIfIdle() {
  {
    absl::MutexLock lock(&mutex_);
    if (!finish_done_ || read_in_flight_ || write_in_flight_) return;
  }
  gone_(this);
}

void AttachStream::StopReading() {
  absl::MutexLock lock(&mutex_);
  stop_reading_ = true;
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
