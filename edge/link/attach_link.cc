#include "edge/link/attach_link.h"

#include <algorithm>
#include <asio/post.hpp>
#include <cstdint>
#include <utility>

#include "glog/logging.h"

namespace chatter::edge {
namespace {

constexpr size_t kBatchBytes = 256 << 10;
// Of an event beside its text.
constexpr size_t kEventBytes = 64;
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kMaxBackoff = absl::Seconds(5);

}  // namespace

AttachLink::AttachLink(asio::io_context& io, std::shared_ptr<grpc::Channel> channel,
                       Handler& handler)
    : io_(io),
      handler_(handler),
      stub_(v1::EdgeService::NewStub(channel)),
      retry_timer_(io),
      backoff_(kFirstBackoff),
      waiting_(1),
      poller_([this] { Poll(); }) {}

AttachLink::~AttachLink() {
  queue_.Shutdown();
  poller_.join();
}

void* AttachLink::Tag(Operation operation) {
  return reinterpret_cast<void*>(static_cast<intptr_t>(operation) + 1);
}

void AttachLink::Poll() {
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
    const auto operation = static_cast<Operation>(reinterpret_cast<intptr_t>(tag) - 1);
    asio::post(io_, [this, operation, ok = ok] { OnCompletion(operation, ok); });
  }
}

void AttachLink::OnCompletion(Operation operation, bool ok) {
  switch (operation) {
    case Operation::kStart:
      return OnStarted(ok);
    case Operation::kRead:
      return OnRead(ok);
    case Operation::kWrite:
      return OnWritten(ok);
    case Operation::kFinish:
      return OnFinished();
  }
}

void AttachLink::Connect() {
  if (stopping_) return;
  state_ = State::kConnecting;
  finished_ = false;
  stream_ = std::make_unique<Stream>();
  stream_->rpc = stub_->PrepareAsyncAttach(&stream_->context, &queue_);
  stream_->rpc->StartCall(Tag(Operation::kStart));
}

void AttachLink::OnStarted(bool ok) {
  if (!ok || stopping_) return Finish();
  state_ = State::kUp;
  LOG(INFO) << "attached to the chat service";
  StartRead();
  handler_.OnLinkUp();
}

void AttachLink::StartRead() {
  read_in_flight_ = true;
  stream_->rpc->Read(&incoming_, Tag(Operation::kRead));
}

void AttachLink::OnRead(bool ok) {
  read_in_flight_ = false;
  if (!ok) return Finish();
  backoff_ = kFirstBackoff;
  handler_.OnDeliveries(incoming_);
  if (state_ == State::kUp) {
    StartRead();
  } else {
    ForgetStreamIfIdle();
  }
}

v1::EdgeEvent* AttachLink::AddEvent(uint64_t session, size_t bytes) {
  if (state_ != State::kUp) return nullptr;
  if (waiting_.back().bytes >= kBatchBytes) waiting_.emplace_back();
  WaitingBatch& filling = waiting_.back();
  filling.bytes += bytes + kEventBytes;
  waiting_bytes_ += bytes + kEventBytes;
  v1::EdgeEvent* const event = filling.batch.add_events();
  event->set_session(session);
  return event;
}

void AttachLink::SendFrame(uint64_t session, v1::ClientFrame& frame, size_t bytes) {
  v1::EdgeEvent* const event = AddEvent(session, bytes);
  if (event != nullptr) event->mutable_frame()->Swap(&frame);
}

void AttachLink::SendEnd(uint64_t session) {
  v1::EdgeEvent* const event = AddEvent(session, 0);
  if (event != nullptr) event->mutable_end();
}

void AttachLink::Flush() {
  WaitingBatch& next = waiting_.front();
  if (state_ != State::kUp || write_in_flight_ || next.bytes == 0) return;
  outgoing_.Swap(&next.batch);
  waiting_bytes_ -= std::exchange(next.bytes, 0);
  if (waiting_.size() > 1) waiting_.pop_front();
  write_in_flight_ = true;
  stream_->rpc->Write(outgoing_, Tag(Operation::kWrite));
}

void AttachLink::OnWritten(bool ok) {
  write_in_flight_ = false;
  outgoing_.Clear();
  // After a failed write the read fails as well, and ends the stream.
  if (ok) Flush();
  ForgetStreamIfIdle();
}

void AttachLink::Finish() {
  state_ = State::kEnding;
  stream_->rpc->Finish(&stream_->status, Tag(Operation::kFinish));
}

void AttachLink::OnFinished() {
  finished_ = true;
  ForgetStreamIfIdle();
}

void AttachLink::ForgetStreamIfIdle() {
  if (!finished_ || read_in_flight_ || write_in_flight_ || stream_ == nullptr) return;
  LOG(WARNING) << "not attached to the chat service: "
               << (stream_->status.ok() ? "it ended the stream"
                                        : stream_->status.error_message());
  stream_.reset();
  state_ = State::kDown;
  waiting_.clear();
  waiting_.emplace_back();
  waiting_bytes_ = 0;
  handler_.OnLinkDown();
  if (stopping_) {
    if (stopped_ != nullptr) std::exchange(stopped_, nullptr)();
    return;
  }
  retry_timer_.expires_after(
      absl::ToChronoMilliseconds(backoff_ * absl::Uniform(random_, 0.5, 1.0)));
  retry_timer_.async_wait([this](const asio::error_code& cancelled) {
    if (!cancelled) Connect();
  });
  backoff_ = std::min(backoff_ * 2, kMaxBackoff);
}

void AttachLink::Stop(std::function<void()> stopped) {
  stopping_ = true;
  retry_timer_.cancel();
  if (stream_ == nullptr) {
    stopped();
    return;
  }
  stopped_ = std::move(stopped);
  stream_->context.TryCancel();
}

}  // namespace chatter::edge
