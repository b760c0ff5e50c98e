// Where an edge thread's connections come from.
#ifndef CHATTER_EDGE_NET_LISTENER_H_
#define CHATTER_EDGE_NET_LISTENER_H_

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "edge/net/edge_loop.h"

namespace chatter::edge {

// Each edge thread has its own listening socket on the same port (SO_REUSEPORT), among
// which the kernel shares out the connections.
class Listener {
 public:
  using Accepted = std::function<void(TcpSocket)>;

  // kUnavailable when somebody listens on the port already, even one who would share it.
  static absl::Status CheckFree(EdgeLoop& loop, const std::string& host, uint16_t port);

  // `port` 0 lets the kernel choose. kInvalidArgument for a host that is no address,
  // kUnavailable when the port is taken by somebody who does not share it.
  static absl::StatusOr<std::unique_ptr<Listener>> Open(EdgeLoop& loop,
                                                        const std::string& host,
                                                        uint16_t port);

  uint16_t port() const { return port_; }

  // Hands over every connection on the loop's thread. When descriptors run out it waits
  // a little instead of spinning.
  void Start(Accepted accepted);
  // Accepts nothing more. On the loop's thread.
  void Stop();

 private:
  Listener(EdgeLoop& loop, TcpAcceptor acceptor, uint16_t port);

  void AcceptNext();

  TcpAcceptor acceptor_;
  SteadyTimer backoff_;
  const uint16_t port_;
  Accepted accepted_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_LISTENER_H_
