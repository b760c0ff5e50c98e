// One thread of the edge, and everything that belongs to it alone.
#ifndef CHATTER_EDGE_EDGE_THREAD_H_
#define CHATTER_EDGE_EDGE_THREAD_H_

#include <openssl/ssl.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "edge/connection.h"
#include "edge/drain.h"
#include "edge/edge_metrics.h"
#include "edge/http/answer.h"
#include "edge/http/rest.h"
#include "edge/limits/edge_limits.h"
#include "edge/link/attach_link.h"
#include "edge/link/chat_client.h"
#include "edge/link/chat_connection.h"
#include "edge/net/deadline_wheel.h"
#include "edge/net/edge_loop.h"
#include "edge/net/listener.h"
#include "edge/net/socket.h"
#include "edge/options.h"
#include "edge/ws/web_socket.h"
#include "services/base/clock.h"

namespace chatter::edge {

// Shares nothing with the other threads but the limits of clients.
class EdgeThread : public AttachLink::Handler {
 public:
  EdgeThread(const EdgeOptions& options, const ChatAddress& chat_address,
             std::unique_ptr<EdgeLoop> loop, std::unique_ptr<Listener> listener,
             EdgeLimits& limits, EdgeThreadMetrics& metrics, const Clock& clock);
  // Stop must have been called, if Start was.
  ~EdgeThread() override;

  void Start();
  // For connections to come; without it there is no TLS. Before Start, or on the loop.
  void UseTls(std::shared_ptr<SSL_CTX> context) {
    socket_settings_.tls = std::move(context);
  }
  // Any thread. Accepts nothing more, lets requests on their way be answered, closes
  // WebSockets 1001, spread over the time to drain, and ends at most 5 s after that. Join
  // waits for it.
  void Stop();
  void Join();

  // For the connections of this thread.
  EdgeLoop& loop() { return *loop_; }
  AttachLink& link() { return *link_; }
  Rest& rest() { return *rest_; }
  WebSocketEngine& web_sockets() { return *web_sockets_; }
  DeadlineWheel& wheel() { return wheel_; }
  const SocketSettings& socket_settings() const { return socket_settings_; }
  EdgeLimits& limits() { return limits_; }
  const CorsPolicy& cors() const { return cors_; }
  const EdgeOptions& options() const { return options_; }
  EdgeThreadMetrics& metrics() { return metrics_; }
  // Null when it has gone meanwhile.
  Connection* Find(uint64_t id);
  // The connection is over; it is destroyed at the end of the turn.
  void Forget(uint64_t id);
  // Whether so much waits for the chat service that nothing more should be read.
  bool LinkIsFull() const;
  void ResumeWhenLinkHasRoom(uint64_t id) { paused_for_link_.push_back(id); }
  // Reused from frame to frame.
  v1::ClientFrame& scratch_frame() { return scratch_frame_; }

 private:
  void Accept(TcpSocket socket);
  Connection& Add(TcpSocket socket, const Peer& peer, bool admitted);
  void OnTick();
  void OnEndOfTurn();
  void BeginStop();
  void DrainSome();
  void EndIfIdle();

  void OnLinkUp() override;
  void OnDeliveries(v1::ChatBatch& batch) override;
  void OnLinkDown() override;
  void Deliver(const v1::Delivery& delivery);
  void DeliverFrame(const v1::Delivery& delivery);

  const EdgeOptions& options_;
  EdgeThreadMetrics& metrics_;
  const Clock& clock_;
  const CorsPolicy cors_;
  EdgeLimits& limits_;
  const std::unique_ptr<EdgeLoop> loop_;
  SocketSettings socket_settings_;
  const std::unique_ptr<Listener> listener_;
  ChatConnection chat_connection_;
  const std::unique_ptr<ChatClient> chat_;
  const std::unique_ptr<Rest> rest_;
  const std::unique_ptr<WebSocketEngine> web_sockets_;
  const std::unique_ptr<AttachLink> link_;
  DeadlineWheel wheel_;

  uint64_t last_id_ = 0;
  absl::flat_hash_map<uint64_t, std::unique_ptr<Connection>> connections_;
  std::vector<std::unique_ptr<Connection>> gone_;
  std::vector<uint64_t> paused_for_link_;
  v1::ClientFrame scratch_frame_;
  std::string payload_;
  std::string encoded_;
  std::optional<Drain> drain_;  // once it stops
  SteadyTimer drain_timer_;
  bool link_stopped_ = false;
  bool was_attached_ = false;

  std::thread thread_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_EDGE_THREAD_H_
