#include "tests/support/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "glog/logging.h"

namespace chatter::testing {
namespace {

constexpr absl::Duration kBlocked = absl::Milliseconds(300);

bool Wait(int fd, short events, absl::Duration within) {
  pollfd waited = {fd, events, 0};
  return poll(&waited, 1, static_cast<int>(absl::ToInt64Milliseconds(within))) > 0;
}

}  // namespace

TcpClient::TcpClient(const Server& server, int receive_buffer_bytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  PCHECK(fd_ >= 0);
  if (receive_buffer_bytes > 0) {
    PCHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes,
                      sizeof(receive_buffer_bytes)) == 0);
  }
  const int no_delay = 1;
  PCHECK(setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &no_delay, sizeof(no_delay)) == 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    PCHECK(errno == ECONNREFUSED || errno == ECONNRESET);
  }
  if (server.tls != nullptr) {
    const timeval patience = absl::ToTimeval(kTestDeadline);
    PCHECK(setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    PCHECK(setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0);
    signal(SIGPIPE, SIG_IGN);  // OpenSSL writes like that
    tls_.reset(SSL_new(server.tls.get()));
    CHECK(tls_ != nullptr && SSL_set_fd(tls_.get(), fd_) == 1);
    if (SSL_connect(tls_.get()) != 1) shutdown(fd_, SHUT_RDWR);
  }
}

TcpClient::~TcpClient() { close(fd_); }

bool TcpClient::Send(std::string_view bytes) {
  if (tls_ != nullptr) {
    size_t sent;
    return SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &sent) == 1;
  }
  while (!bytes.empty()) {
    CHECK(Wait(fd_, POLLOUT, kTestDeadline)) << "the peer takes nothing";
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
  return true;
}

size_t TcpClient::SendUntilBlocked(std::string_view chunk, size_t most) {
  size_t taken = 0;
  while (taken < most && Wait(fd_, POLLOUT, kBlocked)) {
    const ssize_t sent =
        send(fd_, chunk.data(), chunk.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent < 0) break;
    taken += static_cast<size_t>(sent);
  }
  return taken;
}

void TcpClient::FinishSending() { shutdown(fd_, SHUT_WR); }

bool TcpClient::Receive(std::string& bytes) {
  char buffer[65536];
  if (tls_ != nullptr) {
    size_t received;
    errno = 0;
    if (SSL_read_ex(tls_.get(), buffer, sizeof(buffer), &received) != 1) {
      CHECK_NE(errno, EAGAIN) << "nothing came";
      return false;
    }
    bytes.append(buffer, received);
    return true;
  }
  CHECK(Wait(fd_, POLLIN, kTestDeadline)) << "nothing came";
  const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
  if (count <= 0) return false;
  bytes.append(buffer, static_cast<size_t>(count));
  return true;
}

bool TcpClient::IsReadable(absl::Duration within) const {
  return (tls_ != nullptr && SSL_pending(tls_.get()) > 0) || Wait(fd_, POLLIN, within);
}

std::string TcpClient::ReceiveAll() {
  std::string bytes;
  while (Receive(bytes)) {
  }
  return bytes;
}

}  // namespace chatter::testing
