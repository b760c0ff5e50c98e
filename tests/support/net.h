// A client's TCP connection, as raw as a test may need it.
#ifndef CHATTER_TESTS_SUPPORT_NET_H_
#define CHATTER_TESTS_SUPPORT_NET_H_

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/time/time.h"

namespace chatter::testing {

// How long a test waits for what must come.
inline constexpr absl::Duration kTestDeadline = absl::Seconds(30);

// Who listens on 127.0.0.1.
struct Server {
  Server(int port) : port(port) {}  // NOLINT: most tests need no more
  Server(int port, std::shared_ptr<SSL_CTX> tls) : port(port), tls(std::move(tls)) {}

  int port;
  std::shared_ptr<SSL_CTX> tls;  // a client's; null: without TLS
};

// When nobody listens, or there is no TLS handshake, it is as if the peer had closed at
// once. Whatever takes longer than kTestDeadline ends the test.
class TcpClient {
 public:
  // `receive_buffer_bytes`: 0, or a small one for a reader that is slow.
  explicit TcpClient(const Server& server, int receive_buffer_bytes = 0);
  ~TcpClient();
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  // Null without TLS.
  SSL* tls() { return tls_.get(); }

  // False when the peer has closed.
  bool Send(std::string_view bytes);
  // Sends until the peer takes no more for a while; returns how many it took. Without
  // TLS.
  size_t SendUntilBlocked(std::string_view chunk, size_t most);
  // No more will be sent. Of TLS the peer hears nothing.
  void FinishSending();

  // Waits for bytes and appends them. False when the peer has closed.
  bool Receive(std::string& bytes);
  // Whether bytes, or the end, come within this time.
  bool IsReadable(absl::Duration within) const;
  // Everything until the peer closes.
  std::string ReceiveAll();

 private:
  struct Free {
    void operator()(SSL* ssl) const { SSL_free(ssl); }
  };

  const int fd_;
  std::unique_ptr<SSL, Free> tls_;
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_NET_H_
