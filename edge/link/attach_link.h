// An edge thread's stream to the chat service.
#ifndef CHATTER_EDGE_LINK_ATTACH_LINK_H_
#define CHATTER_EDGE_LINK_ATTACH_LINK_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/support/async_stream.h>

#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/random/random.h"
#include "absl/time/time.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "edge/link/chat_address.h"

namespace chatter::edge {

// One Attach stream, made again with backoff when it ends. One write is on its way at
// most; what is queued meanwhile goes out together after it.
//
// Belongs to the loop of `io`, and so does gRPC's work for the stream: the link connects
// the socket itself, the loop watches it, and gRPC is asked to look at it when there is
// something to see. No other thread has to be woken for a message.
class AttachLink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // The stream is there: sessions can be opened.
    virtual void OnLinkUp() = 0;
    // May be emptied.
    virtual void OnDeliveries(v1::ChatBatch& batch) = 0;
    // The stream has ended, and its sessions with it.
    virtual void OnLinkDown() = 0;
  };

  AttachLink(asio::io_context& io, ChatAddress address, Handler& handler);
  // Stop must have ended, or Start never been called.
  ~AttachLink();

  void Start() { Connect(); }
  bool is_up() const { return state_ == State::kUp; }

  // Queue events for the chat service; ignored while the link is down. SendFrame may
  // empty the frame, which holds about `bytes` of text.
  void SendFrame(uint64_t session, v1::ClientFrame& frame, size_t bytes);
  void SendEnd(uint64_t session);
  // How much waits, in bytes, about.
  size_t waiting_bytes() const { return waiting_bytes_; }
  // Starts to write what is queued, unless a write is on its way. At the end of a turn.
  void Flush();

  // Once a second: what gRPC has to do at times of its own, as for a peer that is silent.
  void OnTick() { Poll(); }

  // Cuts the stream for good; `stopped` runs when it is gone.
  void Stop(std::function<void()> stopped);

 private:
  enum class State { kDown, kConnecting, kStarting, kUp, kEnding };
  enum class Operation { kStart, kRead, kWrite, kFinish };
  using Socket = asio::generic::stream_protocol::socket;
  using Endpoint = asio::generic::stream_protocol::endpoint;
  struct WaitingBatch {
    v1::EdgeBatch batch;
    size_t bytes = 0;
  };
  struct Stream {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::EdgeService::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::EdgeBatch, v1::ChatBatch>> rpc;
    grpc::Status status;
  };

  void Connect();
  void ConnectTo(const std::vector<Endpoint>& endpoints);
  void OnConnected(const asio::error_code& error);
  void OpenStream();
  void WatchReadable();
  void WatchWritable();
  void Poll();
  bool RunNextCompletion();
  void OnCompletion(Operation operation, bool ok);
  void OnStarted(bool ok);
  void OnRead(bool ok);
  void OnWritten();
  void StartRead();
  void Finish();
  // Once no operation is on its way.
  void ForgetStreamIfIdle();
  void OnDown(const std::string& why);
  v1::EdgeEvent* AddEvent(uint64_t session, size_t bytes);
  static void* Tag(Operation operation);

  asio::io_context& io_;
  const ChatAddress address_;
  Handler& handler_;
  grpc::CompletionQueue queue_;
  asio::ip::tcp::resolver resolver_;
  Socket socket_;  // until it is connected
  // Copies of the socket that gRPC has. The second one is open while it is waited for
  // only: a Unix socket would report every read of its peer as room for more.
  asio::posix::stream_descriptor readable_;
  asio::posix::stream_descriptor writable_;
  asio::steady_timer timer_;  // ends a connect, or a pause
  absl::BitGen random_;
  absl::Duration backoff_;

  State state_ = State::kDown;
  std::unique_ptr<Stream> stream_;
  v1::ChatBatch incoming_;
  v1::EdgeBatch outgoing_;
  std::deque<WaitingBatch> waiting_;  // never empty; the last one is being filled
  size_t waiting_bytes_ = 0;
  bool read_in_flight_ = false;
  bool write_in_flight_ = false;
  bool finished_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_ATTACH_LINK_H_
