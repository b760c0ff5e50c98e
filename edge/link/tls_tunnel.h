// TLS for a program that can only speak without: gRPC over a descriptor.
#ifndef CHATTER_EDGE_LINK_TLS_TUNNEL_H_
#define CHATTER_EDGE_LINK_TLS_TUNNEL_H_

#include <openssl/ssl.h>

#include <array>
#include <asio/generic/stream_protocol.hpp>
#include <asio/io_context.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "edge/net/tls_stream.h"

namespace chatter::edge {

// A client's end of a TLS connection, and a pair of sockets whose other end speaks
// through it. Reads from one side only what the other has taken: it holds 64 KiB each
// way, at most. Belongs to the loop of `io`, and lives until one of its sides has ended.
class TlsTunnel : public std::enable_shared_from_this<TlsTunnel> {
 public:
  using Socket = asio::generic::stream_protocol::socket;
  using Done = std::function<void(const absl::Status&)>;

  // `peer`, a name or an IP address, is whom the certificate must be for. `outer` is
  // connected, and does not block.
  TlsTunnel(asio::io_context& io, SSL_CTX* context, const std::string& peer,
            Socket outer);

  // `done` runs later: kUnavailable says why not. It comes with the peer's first bytes,
  // which a server of HTTP/2 sends by itself: TLS 1.3 has the client's certificate
  // refused after the client's handshake. The owner bounds how long it may take, by
  // Close.
  void Handshake(Done done);
  // Once that is done: the descriptor to speak through, which does not block. When it is
  // closed the tunnel ends, after what the peer takes of the rest at once, and when the
  // tunnel ends it reads so.
  absl::StatusOr<int> Open();
  // Ends both sides, and the handshake.
  void Close();

 private:
  // Bytes on their way from one side to the other.
  struct Buffer {
    std::array<char, 64 << 10> bytes;
    size_t begin = 0;
    size_t end = 0;

    bool empty() const { return begin == end; }
    const char* next() const { return bytes.data() + begin; }
    size_t size() const { return end - begin; }
    void Filled(size_t size) { begin = 0, end = size; }
    void Took(size_t size) { begin += size; }
  };
  using Work = void (TlsTunnel::*)();

  void DoHandshake();
  void ReadFirstBytes();
  void EndHandshake(const absl::Status& status);
  void PumpUp();
  void PumpDown();
  void PumpBoth();
  // When nobody speaks through it any more.
  void EndIfStuck();
  // Runs `work` when the socket is ready, unless `waiting` says that it will already.
  void Wait(Socket& socket, Socket::wait_type what, bool& waiting, Work work);

  Socket outer_;  // to the peer
  Socket inner_;  // to the descriptor
  TlsStream tls_;
  Done handshake_done_;
  Buffer up_;    // from the descriptor to the peer
  Buffer down_;  // back
  bool waits_outer_readable_ = false;
  bool waits_outer_writable_ = false;
  bool waits_inner_readable_ = false;
  bool waits_inner_writable_ = false;
  bool waits_inner_end_ = false;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_TLS_TUNNEL_H_
