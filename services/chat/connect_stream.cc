#include "services/chat/connect_stream.h"

#include <utility>

#include "services/base/grpc_status.h"
#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

// The only session of its stream.
constexpr uint64_t kSessionId = 1;

}  // namespace

std::shared_ptr<ConnectStream> ConnectStream::Make(const SessionServices& services,
                                                   grpc::CallbackServerContext* context,
                                                   Gone gone) {
  std::shared_ptr<ConnectStream> stream(
      new ConnectStream(services, context, std::move(gone)));
  stream->self_ = stream;
  return stream;
}

ConnectStream::ConnectStream(const SessionServices& services,
                             grpc::CallbackServerContext* context, Gone gone)
    : services_(services), context_(context), gone_(std::move(gone)) {}

void ConnectStream::OnAuthenticated(absl::StatusOr<UserRef> user) {
  if (!user.ok()) {
    FinishAfterWrites(user.status());
    return;
  }
  user_ = *std::move(user);
  ReadNext();
}

// Under the lock: a read must not be started once the call is being finished.
void ConnectStream::ReadNext() {
  absl::MutexLock lock(&mutex_);
  if (!stop_reading_ && !finish_wanted_) StartRead(&incoming_);
}

void ConnectStream::OnReadDone(bool ok) {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    if (stop_reading_ || finish_wanted_) return;
    if (!ok) half_closed_ = true;
    if (ok && incoming_.has_send()) ++unanswered_;
    session = session_;
  }
  absl::Status status;
  if (ok) {
    status = session == nullptr ? HandleFirst(incoming_)
                                : HandleFrame(services_, session, incoming_);
  }
  if (!status.ok()) {
    FinishAfterWrites(status);
    return;
  }
  Flush();
  if (ok) ReadNext();
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
  OpenSession(services_, session);
  return absl::OkStatus();
}

void ConnectStream::Enqueue(v1::Delivery& delivery) {
  if (!delivery.has_frame()) return;
  v1::ServerFrame& frame = *delivery.mutable_frame();
  const size_t bytes = frame.ByteSizeLong() + sizeof(v1::ServerFrame);
  absl::MutexLock lock(&mutex_);
  if (delivery.answered() != 0) --unanswered_;
  if (broken_ || finish_wanted_) return;
  if (waiting_bytes_ + bytes > kMaxConnectBacklogBytes) {
    broken_ = overflowed_ = true;
    waiting_.clear();
    return;
  }
  waiting_.emplace_back().Swap(&frame);
  waiting_bytes_ += bytes;
}

void ConnectStream::Flush() {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    action = NextAction();
  }
  Perform(action);
}

ConnectStream::Action ConnectStream::NextAction() {
  if (overflowed_) {
    overflowed_ = false;
    return Action::kCancel;
  }
  if (write_in_flight_ || finish_started_) return Action::kNone;
  if (!broken_ && !waiting_.empty()) {
    write_in_flight_ = true;
    outgoing_.Swap(&waiting_.front());
    waiting_.pop_front();
    waiting_bytes_ -= outgoing_.ByteSizeLong() + sizeof(v1::ServerFrame);
    return Action::kWrite;
  }
  if (finish_wanted_ || (half_closed_ && unanswered_ == 0)) {
    finish_wanted_ = finish_started_ = true;
    return Action::kFinish;
  }
  return Action::kNone;
}

void ConnectStream::Perform(Action action) {
  switch (action) {
    case Action::kNone:
      return;
    case Action::kWrite:
      StartWrite(&outgoing_);
      return;
    case Action::kFinish:
      CloseSession();
      grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>::Finish(final_status_);
      return;
    case Action::kCancel:
      Cancel();
      return;
  }
}

void ConnectStream::OnWriteDone(bool ok) {
  Action action;
  {
    absl::MutexLock lock(&mutex_);
    write_in_flight_ = false;
    if (!ok) broken_ = finish_wanted_ = true;
    action = NextAction();
  }
  Perform(action);
}

void ConnectStream::OnCancel() {
  CloseSession();
  FinishAfterWrites(absl::CancelledError("The client is gone, or does not read"));
}

void ConnectStream::OnDone() {
  CloseSession();
  {
    // The two hold each other.
    absl::MutexLock lock(&mutex_);
    session_ = nullptr;
  }
  gone_(this);
  const std::shared_ptr<ConnectStream> self = std::move(self_);
}

void ConnectStream::CloseSession() {
  std::shared_ptr<Session> session;
  {
    absl::MutexLock lock(&mutex_);
    session = session_;
  }
  if (session != nullptr) services_.registry.Close(*session);
}

void ConnectStream::FinishAfterWrites(const absl::Status& status) {
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

void ConnectStream::StopReading() {
  absl::MutexLock lock(&mutex_);
  stop_reading_ = true;
}

void ConnectStream::End() {
  v1::Delivery delivery;
  delivery.add_sessions(kSessionId);
  v1::GoAway& goaway = *delivery.mutable_frame()->mutable_goaway();
  goaway.set_reconnect(true);
  goaway.set_after_ms(1000);
  Enqueue(delivery);
  FinishAfterWrites(absl::UnavailableError("The chat service stops"));
}

}  // namespace chatter::chat
