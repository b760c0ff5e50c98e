#include "edge/link/attach_link.h"

#include <fcntl.h>
#include <grpcpp/create_channel_posix.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <asio/connect.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <cstdint>
#include <utility>

#include "glog/logging.h"

namespace chatter::edge {
namespace {

constexpr size_t kBatchBytes = 256 << 10;
// Of an event beside its text.
constexpr size_t kEventBytes = 64;
constexpr absl::Duration kConnectDeadline = absl::Seconds(5);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kMaxBackoff = absl::Seconds(5);
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A batch of deliveries.
constexpr int kMaxReceiveBytes = 8 << 20;

// gRPC's default watches the sockets of all threads together: whichever thread looks may
// be handed what another one waits for. With poll(2) each queue watches its own. It is
// chosen once, at gRPC's first use.
[[maybe_unused]] const int kPollStrategyChosen = setenv("GRPC_POLL_STRATEGY", "poll", 0);

grpc::ChannelArguments LinkArguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  return arguments;
}

}  // namespace

AttachLink::AttachLink(asio::io_context& io, ChatAddress address, Handler& handler)
    : io_(io),
      address_(std::move(address)),
      handler_(handler),
      resolver_(io),
      socket_(io),
      readable_(io),
      writable_(io),
      timer_(io),
      backoff_(kFirstBackoff),
      waiting_(1) {}

AttachLink::~AttachLink() {
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void* AttachLink::Tag(Operation operation) {
  return reinterpret_cast<void*>(static_cast<intptr_t>(operation) + 1);
}

void AttachLink::Connect() {
  if (stopping_) return;
  state_ = State::kConnecting;
  timer_.expires_after(absl::ToChronoMilliseconds(kConnectDeadline));
  timer_.async_wait([this](const asio::error_code& cancelled) {
    if (cancelled || state_ != State::kConnecting) return;
    resolver_.cancel();
    socket_.close();
  });
  if (!address_.unix_path.empty()) {
    return ConnectTo({asio::local::stream_protocol::endpoint(address_.unix_path)});
  }
  resolver_.async_resolve(address_.host, address_.port,
                          [this](const asio::error_code& error,
                                 const asio::ip::tcp::resolver::results_type& results) {
                            if (error) return OnConnected(error);
                            std::vector<Endpoint> endpoints;
                            for (const auto& result : results)
                              endpoints.emplace_back(result.endpoint());
                            ConnectTo(endpoints);
                          });
}

void AttachLink::ConnectTo(const std::vector<Endpoint>& endpoints) {
  asio::async_connect(
      socket_, endpoints,
      [this](const asio::error_code& error, const Endpoint&) { OnConnected(error); });
}

void AttachLink::OnConnected(const asio::error_code& error) {
  timer_.cancel();
  asio::error_code ignored;
  if (error || stopping_) {
    socket_.close(ignored);
    return OnDown(error ? error.message() : "it stops");
  }
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);  // a Unix socket has none
  OpenStream();
}

void AttachLink::OpenStream() {
  asio::error_code error;
  readable_.assign(dup(socket_.native_handle()), error);
  if (error) {
    asio::error_code ignored;
    socket_.close(ignored);
    return OnDown(error.message());
  }
  state_ = State::kStarting;
  finished_ = false;
  stream_ = std::make_unique<Stream>();
  stream_->channel = grpc::CreateCustomInsecureChannelFromFd("chatd", socket_.release(),
                                                             LinkArguments());
  stream_->stub = v1::EdgeService::NewStub(stream_->channel);
  stream_->rpc = stream_->stub->PrepareAsyncAttach(&stream_->context, &queue_);
  stream_->rpc->StartCall(Tag(Operation::kStart));
  WatchReadable();
  Poll();
}

void AttachLink::WatchReadable() {
  readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const asio::error_code& cancelled) {
                         if (cancelled) return;
                         Poll();
                         if (readable_.is_open()) WatchReadable();
                       });
}

void AttachLink::WatchWritable() {
  if (writable_.is_open()) return;
  asio::error_code error;
  writable_.assign(dup(readable_.native_handle()), error);
  if (error) return;  // out of descriptors: the next tick looks again
  writable_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [this](const asio::error_code& cancelled) {
                         if (cancelled) return;
                         writable_.close();
                         Poll();
                       });
}

// Lets gRPC do what there is to do, and handles what that completes.
void AttachLink::Poll() {
  while (RunNextCompletion()) {
  }
  Flush();
}

bool AttachLink::RunNextCompletion() {
  void* tag;
  bool ok;
  if (queue_.AsyncNext(&tag, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return false;
  }
  OnCompletion(static_cast<Operation>(reinterpret_cast<intptr_t>(tag) - 1), ok);
  return true;
}

void AttachLink::OnCompletion(Operation operation, bool ok) {
  switch (operation) {
    case Operation::kStart:
      return OnStarted(ok);
    case Operation::kRead:
      return OnRead(ok);
    case Operation::kWrite:
      // After a failed write the read fails as well, and ends the stream.
      return OnWritten();
    case Operation::kFinish:
      finished_ = true;
      return ForgetStreamIfIdle();
  }
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
  while (state_ == State::kUp && !write_in_flight_ && waiting_.front().bytes > 0) {
    WaitingBatch& next = waiting_.front();
    outgoing_.Swap(&next.batch);
    waiting_bytes_ -= std::exchange(next.bytes, 0);
    if (waiting_.size() > 1) waiting_.pop_front();
    write_in_flight_ = true;
    stream_->rpc->Write(outgoing_, Tag(Operation::kWrite));
    // It has ended already, unless the socket took only a part of it.
    while (write_in_flight_ && RunNextCompletion()) {
    }
  }
  if (write_in_flight_) WatchWritable();
}

void AttachLink::OnWritten() {
  write_in_flight_ = false;
  outgoing_.Clear();
  ForgetStreamIfIdle();
}

void AttachLink::Finish() {
  state_ = State::kEnding;
  stream_->rpc->Finish(&stream_->status, Tag(Operation::kFinish));
}

void AttachLink::ForgetStreamIfIdle() {
  if (!finished_ || read_in_flight_ || write_in_flight_ || stream_ == nullptr) return;
  const std::string why =
      stream_->status.ok() ? "it ended the stream" : stream_->status.error_message();
  asio::error_code ignored;
  readable_.close(ignored);
  writable_.close(ignored);
  stream_.reset();
  OnDown(why);
}

void AttachLink::OnDown(const std::string& why) {
  LOG(WARNING) << "not attached to the chat service: " << why;
  state_ = State::kDown;
  waiting_.clear();
  waiting_.emplace_back();
  waiting_bytes_ = 0;
  handler_.OnLinkDown();
  if (stopping_) {
    if (stopped_ != nullptr) std::exchange(stopped_, nullptr)();
    return;
  }
  timer_.expires_after(
      absl::ToChronoMilliseconds(backoff_ * absl::Uniform(random_, 0.5, 1.0)));
  timer_.async_wait([this](const asio::error_code& cancelled) {
    if (!cancelled) Connect();
  });
  backoff_ = std::min(backoff_ * 2, kMaxBackoff);
}

void AttachLink::Stop(std::function<void()> stopped) {
  stopping_ = true;
  timer_.cancel();
  if (state_ == State::kDown) return stopped();
  stopped_ = std::move(stopped);
  if (state_ == State::kConnecting) {
    resolver_.cancel();
    asio::error_code ignored;
    socket_.close(ignored);
    return;
  }
  stream_->context.TryCancel();
  asio::post(io_, [this] { Poll(); });
}

}  // namespace chatter::edge
