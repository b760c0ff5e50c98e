// TLS on a socket that somebody else owns and waits for.
#ifndef CHATTER_EDGE_NET_TLS_STREAM_H_
#define CHATTER_EDGE_NET_TLS_STREAM_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace chatter::edge {

// One end of a TLS connection, server or client as its context is. The socket does not
// block, and is open as long as this is used. Of one thread.
class TlsStream {
 public:
  enum class Outcome {
    kDone,
    kWantsRead,   // try again when the socket is readable
    kWantsWrite,  // try again when the socket is writable
    kGone,        // the peer has closed, or what it sent is wrong
  };

  TlsStream(SSL_CTX* context, int socket);

  // For clients, before the handshake: whom the certificate must be for. A name is told
  // to the peer as well, an IP address is not.
  void ExpectPeer(const std::string& host);

  // Nothing can be read or written before it is done. kGone: `error` says why. A client
  // that speaks HTTP without TLS has been told so.
  Outcome Handshake(std::string& error);
  bool is_established() const { return established_; }

  // Reads what is there, at most `buffer`. kDone: `size` bytes, more than none.
  Outcome Read(absl::Span<char> buffer, size_t& size);
  // There may be more to read that the socket does not tell of, now or once it has been
  // writable: the next Handshake or Read must not wait for it to be readable.
  bool may_have_more() const { return may_have_more_; }

  // Writes the first of these bytes. kDone: `size` of them, more than none.
  Outcome Write(std::string_view bytes, size_t& size);
  // After kWantsWrite: this many are encrypted, so the next Write must begin with them.
  size_t stuck_bytes() const { return stuck_bytes_; }

  // Tells the peer that nothing more comes, if the socket takes it.
  void SendEnd();

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  Outcome Explain(int result);
  std::string HandshakeError(int system_error) const;

  const std::unique_ptr<SSL, Free> ssl_;
  size_t stuck_bytes_ = 0;
  bool established_ = false;
  bool may_have_more_ = false;
  bool broken_ = false;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_TLS_STREAM_H_
