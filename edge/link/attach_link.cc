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

AttachLink::AttachLink(ChatConnection& connection, Handler& handler)
    : connection_(connection),
      handler_(handler),
      retry_timer_(connection.io()),
      backoff_(kFirstBackoff),
      waiting_(1) {
  connection.SetUnclaimed([this] { ReadOn(); });
}

void AttachLink::Connect() {
  if (stopping_) return;
  state_ = State::kConnecting;
  connection_.Connect([this](const absl::Status& status) { OnConnected(status); });
}

void AttachLink::OnConnected(const absl::Status& status) {
  if (!status.ok()) return OnDown(std::string(status.message()));
  if (stopping_) {
    connection_.Disconnect();
    return OnDown("it stops");
  }
  state_ = State::kStarting;
  finished_ = false;
  stream_ = std::make_unique<Stream>();
  stream_->stub = v1::EdgeService::NewStub(connection_.channel());
  stream_->rpc =
      stream_->stub->PrepareAsyncAttach(&stream_->context, connection_.queue());
  stream_->rpc->StartCall(&started_tag_);
  connection_.Poll();
}

void AttachLink::OnStarted(bool ok) {
  if (!ok || stopping_) return Finish();
  stream_->rpc->ReadInitialMetadata(&taken_tag_);
}

void AttachLink::OnTaken(bool ok) {
  if (!ok || stopping_) return Finish();
  state_ = State::kUp;
  LOG(INFO) << "attached to the chat service";
  StartRead();
  handler_.OnLinkUp();
}

void AttachLink::StartRead() {
  read_in_flight_ = true;
  stream_->rpc->Read(&incoming_, &read_tag_);
}

void AttachLink::OnRead(bool ok) {
  read_in_flight_ = false;
  if (!ok) return Finish();
  backoff_ = kFirstBackoff;
  handler_.OnDeliveries(incoming_);
  if (state_ != State::kUp) return ForgetStreamIfIdle();
  // gRPC tells its peer of each message that it has read, and wakes it, when the next
  // read begins, unless a write takes that along: so in a pause the next one begins after
  // the write at its end, or when more comes. What has come together with this one waits,
  // too.
  if (!pausing_) StartRead();
}

void AttachLink::ReadOn() {
  if (state_ != State::kUp || read_in_flight_) return;
  StartRead();
  connection_.Poll();
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
  if (event == nullptr) return;
  if (frame.has_send()) pacer_.OnSend(session);
  event->mutable_frame()->Swap(&frame);
}

void AttachLink::SendEnd(uint64_t session) {
  v1::EdgeEvent* const event = AddEvent(session, 0);
  if (event != nullptr) event->mutable_end();
}

absl::Duration AttachLink::Flush(absl::Duration now) {
  if (waiting_bytes_ > 0) Write();
  absl::Duration pause = pacer_.PauseAfterFlush(now);
  if (state_ != State::kUp || write_in_flight_ || connection_.descriptor() < 0) {
    pause = absl::ZeroDuration();
  }
  pausing_ = pause > absl::ZeroDuration();
  ReadOn();
  // What clients had to say to that.
  if (!pausing_ && waiting_bytes_ > 0) Write();
  return pause;
}

void AttachLink::Write() {
  while (state_ == State::kUp && !write_in_flight_ && waiting_.front().bytes > 0) {
    WaitingBatch& next = waiting_.front();
    outgoing_.Swap(&next.batch);
    waiting_bytes_ -= std::exchange(next.bytes, 0);
    if (waiting_.size() > 1) waiting_.pop_front();
    write_in_flight_ = true;
    stream_->rpc->Write(outgoing_, &write_tag_);
    // It has ended already, unless it is a large one that is not taken whole.
    while (write_in_flight_ && connection_.RunNext()) {
    }
  }
  if (write_in_flight_ || connection_.IsFull()) connection_.PollOften();
}

void AttachLink::OnWritten() {
  write_in_flight_ = false;
  outgoing_.Clear();
  ForgetStreamIfIdle();
}

void AttachLink::Finish() {
  state_ = State::kEnding;
  stream_->rpc->Finish(&stream_->status, &finish_tag_);
}

void AttachLink::OnFinished() {
  finished_ = true;
  ForgetStreamIfIdle();
}

void AttachLink::ForgetStreamIfIdle() {
  if (!finished_ || read_in_flight_ || write_in_flight_ || stream_ == nullptr) return;
  const std::string why =
      stream_->status.ok() ? "it ended the stream" : stream_->status.error_message();
  stream_.reset();
  connection_.Disconnect();
  OnDown(why);
}

void AttachLink::OnDown(const std::string& why) {
  LOG_IF(WARNING, !stopping_) << "not attached to the chat service: " << why;
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
  if (state_ == State::kDown) return stopped();
  stopped_ = std::move(stopped);
  if (state_ == State::kConnecting) return connection_.Disconnect();
  stream_->context.TryCancel();
  asio::post(connection_.io(), [this] { connection_.Poll(); });
}

}  // namespace chatter::edge
