#include "edge/net/listener.h"

#include <sys/socket.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"

namespace chatter::edge {
namespace {

constexpr std::chrono::milliseconds kAcceptBackoff{100};
using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

absl::Status Failure(const std::string& host, uint16_t port,
                     const asio::error_code& error) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", host, ":", port, ": ", error.message()));
}

absl::StatusOr<TcpAcceptor> Bind(EdgeLoop& loop, const std::string& host, uint16_t port,
                                 bool share) {
  asio::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (error) {
    return absl::InvalidArgumentError(absl::StrCat("'", host, "' is no IP address"));
  }
  const asio::ip::tcp::endpoint endpoint(address, port);
  TcpAcceptor acceptor(loop.io());
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(TcpAcceptor::reuse_address(true), error);
  if (!error) acceptor.set_option(ReusePort(share), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return Failure(host, port, error);
  return acceptor;
}

}  // namespace

absl::Status Listener::CheckFree(EdgeLoop& loop, const std::string& host, uint16_t port) {
  return Bind(loop, host, port, /*share=*/false).status();
}

absl::StatusOr<std::unique_ptr<Listener>> Listener::Open(EdgeLoop& loop,
                                                         const std::string& host,
                                                         uint16_t port) {
  absl::StatusOr<TcpAcceptor> acceptor = Bind(loop, host, port, true);
  if (!acceptor.ok()) return acceptor.status();
  asio::error_code error;
  const uint16_t real_port = acceptor->local_endpoint(error).port();
  if (error) return Failure(host, port, error);
  return std::unique_ptr<Listener>(new Listener(loop, *std::move(acceptor), real_port));
}

Listener::Listener(EdgeLoop& loop, TcpAcceptor acceptor, uint16_t port)
    : acceptor_(std::move(acceptor)), backoff_(loop.io()), port_(port) {}

void Listener::Start(Accepted accepted) {
  accepted_ = std::move(accepted);
  AcceptNext();
}

void Listener::AcceptNext() {
  acceptor_.async_accept([this](const asio::error_code& error, TcpSocket socket) {
    if (error == asio::error::operation_aborted) return;
    // Stop's turn came between the accept, or the end of a wait, and this.
    if (!acceptor_.is_open()) return;
    if (!error) {
      // First, since Asio gives the memory of the operation that has ended to the
      // next one: not to a wait of the socket, which is small and lasts.
      AcceptNext();
      return accepted_(std::move(socket));
    }
    // Out of descriptors or memory, or a client that left while it waited.
    LOG_EVERY_N(WARNING, 100) << "cannot accept a connection: " << error.message();
    backoff_.expires_after(kAcceptBackoff);
    backoff_.async_wait([this](const asio::error_code& cancelled) {
      if (!cancelled) AcceptNext();
    });
  });
}

void Listener::Stop() {
  asio::error_code ignored;
  acceptor_.close(ignored);
  backoff_.cancel();
}

}  // namespace chatter::edge
