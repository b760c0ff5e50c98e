#include "tests/support/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
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

TcpClient::TcpClient(int port, int receive_buffer_bytes)
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
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    PCHECK(errno == ECONNREFUSED || errno == ECONNRESET);
  }
}

TcpClient::~TcpClient() { close(fd_); }

bool TcpClient::Send(std::string_view bytes) {
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
  CHECK(Wait(fd_, POLLIN, kTestDeadline)) << "nothing came";
  char buffer[65536];
  const ssize_t count = recv(fd_, buffer, sizeof(buffer), 0);
  if (count <= 0) return false;
  bytes.append(buffer, static_cast<size_t>(count));
  return true;
}

bool TcpClient::IsReadable(absl::Duration within) const {
  return Wait(fd_, POLLIN, within);
}

std::string TcpClient::ReceiveAll() {
  std::string bytes;
  while (Receive(bytes)) {
  }
  return bytes;
}

}  // namespace chatter::testing
