// An edge thread's connection to the chat service.
#ifndef CHATTER_EDGE_LINK_CHAT_CONNECTION_H_
#define CHATTER_EDGE_LINK_CHAT_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/completion_queue.h>

#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/steady_timer.hpp>
#include <asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "edge/link/chat_address.h"
#include "edge/link/tls_tunnel.h"

namespace chatter::edge {

// One socket, with TLS when the address says so, and the completion queue of all gRPC
// calls over it. Belongs to the loop of `io`, and so does gRPC's work: the connection is
// made here, the loop watches the socket, and gRPC is asked to look at it when there is
// something to see. No other thread has to be woken for a message.
class ChatConnection {
 public:
  using Connected = std::function<void(const absl::Status&)>;

  ChatConnection(asio::io_context& io, ChatAddress address);
  // Every call must have ended, and the loop does not run any more.
  ~ChatConnection();

  // Connects within 5 s, unless the file system hangs: certificates are read anew each
  // time. `connected` runs on the loop, never before this returns: kUnavailable. Only
  // while there is no connection and no attempt at one.
  void Connect(Connected connected);
  // Lets the connection, or the attempt at it, go. Calls on their way end.
  void Disconnect();

  asio::io_context& io() { return io_; }
  // Null while there is no connection.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  // Readable when there is something of the chat service; negative without a connection,
  // and with TLS, which needs the loop to bring it here.
  int descriptor() { return address_.tls.given() ? -1 : readable_.native_handle(); }
  // Runs when something has come, and no operation has ended by it.
  void SetUnclaimed(std::function<void()> unclaimed) {
    unclaimed_ = std::move(unclaimed);
  }
  // For calls on the channel; their tags are CompletionTags, which run on the loop.
  grpc::CompletionQueue* queue() { return &queue_; }

  // Lets gRPC do what there is to do, and runs what that completes. Besides by itself:
  // once a second, for what gRPC does at times of its own, as for a peer that is silent.
  void Poll();
  // Likewise, for one completion. False: there is none now.
  bool RunNext();
  // The socket takes no more now.
  bool IsFull();
  // For a write that the socket may not have taken whole. Another of gRPC's threads
  // writes the rest, and may read as well, and tells nobody here: so the loop polls by
  // the clock for a while, at first each millisecond, then ever less often.
  void PollOften();

 private:
  using Socket = asio::generic::stream_protocol::socket;
  using Endpoint = asio::generic::stream_protocol::endpoint;

  void ConnectTo(const std::vector<Endpoint>& endpoints);
  void OnConnected(const asio::error_code& error);
  void StartTls();
  void OnCertificatesRead(const absl::StatusOr<std::shared_ptr<SSL_CTX>>& context);
  void OnTlsStarted(absl::Status status);
  // To the end of an attempt that came so far.
  void UseDescriptor(int descriptor);
  void End(const absl::Status& status);
  void WatchReadable();
  void PollAgain();

  asio::io_context& io_;
  const ChatAddress address_;
  asio::thread_pool files_thread_;  // which reads certificates; none without TLS
  grpc::CompletionQueue queue_;
  asio::ip::tcp::resolver resolver_;
  Socket socket_;  // until it is connected
  asio::steady_timer deadline_;
  std::shared_ptr<TlsTunnel> tunnel_;  // while connecting; then it lives by itself
  Connected connected_;                // while connecting
  bool let_go_ = false;                // while it was connecting
  std::shared_ptr<grpc::Channel> channel_;
  asio::posix::stream_descriptor readable_;  // a copy of the socket that gRPC has
  std::function<void()> unclaimed_;
  asio::steady_timer often_timer_;
  bool polls_often_ = false;
  std::chrono::steady_clock::time_point asked_at_;  // to poll often
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_CHAT_CONNECTION_H_
