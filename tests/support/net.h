// A client's TCP connection, as raw as a test may need it.
#ifndef CHATTER_TESTS_SUPPORT_NET_H_
#define CHATTER_TESTS_SUPPORT_NET_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace chatter::testing {

// How long a test waits for what must come.
inline constexpr absl::Duration kTestDeadline = absl::Seconds(30);

// To 127.0.0.1. When nobody listens it is as if the peer had closed at once. Whatever
// takes longer than kTestDeadline ends the test.
class TcpClient {
 public:
  // `receive_buffer_bytes`: 0, or a small one for a reader that is slow.
  explicit TcpClient(int port, int receive_buffer_bytes = 0);
  ~TcpClient();
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;

  // False when the peer has closed.
  bool Send(std::string_view bytes);
  // Sends until the peer takes no more for a while; returns how many it took.
  size_t SendUntilBlocked(std::string_view chunk, size_t most);
  // No more will be sent.
  void FinishSending();

  // Waits for bytes and appends them. False when the peer has closed.
  bool Receive(std::string& bytes);
  // Whether bytes, or the end, come within this time.
  bool IsReadable(absl::Duration within) const;
  // Everything until the peer closes.
  std::string ReceiveAll();

 private:
  const int fd_;
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_NET_H_
