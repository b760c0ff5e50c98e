#include "tools/loadgen/tcp_connection.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <utility>
#include <vector>

#include "glog/logging.h"

namespace chatter::loadgen {
namespace {

constexpr size_t kMinReadBytes = 64 << 10;
// An answer or a frame is never so long.
constexpr size_t kMaxUnusedBytes = 64 << 20;

void SetOption(int fd, int level, int option) {
  const int on = 1;
  PCHECK(setsockopt(fd, level, option, &on, sizeof(on)) == 0);
}

}  // namespace

void TcpConnection::Connect(const sockaddr_in& target, uint32_t from) {
  Close();
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd_ < 0) return Lose(errno);
  ++opened_;
  SetOption(fd_, IPPROTO_TCP, TCP_NODELAY);
  if (from != 0) {
    // The port is chosen when the peer is known: each peer may have all of them.
    SetOption(fd_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT);
    sockaddr_in local = {};
    local.sin_family = AF_INET;
    local.sin_addr.s_addr = htonl(from);
    if (bind(fd_, reinterpret_cast<const sockaddr*>(&local), sizeof(local)) != 0) {
      return Lose(errno);
    }
  }
  loop_.Watch(fd_, *this);
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&target), sizeof(target)) != 0 &&
      errno != EINPROGRESS) {
    Lose(errno);
  }
}

void TcpConnection::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
  connected_ = false;
  rest_.clear();
  out_.clear();
}

void TcpConnection::Lose(int error) {
  Close();
  owner_.OnDisconnected(absl::UnavailableError(
      error == 0 ? "the server closed the connection" : std::strerror(error)));
}

void TcpConnection::OnReady(uint32_t events) {
  if (fd_ < 0) return;
  const int opened = opened_;
  if (!connected_) {
    OnConnectable(events);
    if (!connected_ || opened != opened_) return;
  }
  if ((events & EPOLLOUT) != 0 && !out_.empty()) out_.erase(0, Send(out_));
  if (fd_ >= 0 && opened == opened_ &&
      (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) {
    ReadAvailable(events);
  }
}

void TcpConnection::OnConnectable(uint32_t events) {
  if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
  int error = 0;
  socklen_t size = sizeof(error);
  PCHECK(getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) == 0);
  if (error != 0) return Lose(error);
  connected_ = true;
  owner_.OnConnected();
}

void TcpConnection::ReadAvailable(uint32_t events) {
  const int opened = opened_;
  std::vector<char>& buffer = loop_.read_buffer();
  while (true) {
    if (buffer.size() < rest_.size() + kMinReadBytes) {
      CHECK_LT(rest_.size(), kMaxUnusedBytes);
      buffer.resize(2 * buffer.size());
    }
    const size_t before = rest_.size();
    std::memcpy(buffer.data(), rest_.data(), before);
    const size_t room = buffer.size() - before;
    const ssize_t got = recv(fd_, buffer.data() + before, room, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return Lose(got < 0 ? errno : 0);
    loop_.UpdateNow();
    const std::string_view bytes(buffer.data(), before + static_cast<size_t>(got));
    const size_t used = owner_.OnBytes(bytes);
    if (fd_ < 0 || opened != opened_) return;
    rest_.assign(bytes.substr(used));
    // A short read has emptied the socket (epoll(7)), but for its end.
    const bool more = static_cast<size_t>(got) == room ||
                      (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
    if (!more) return;
  }
}

void TcpConnection::Write(std::string_view bytes) {
  if (fd_ < 0) return;
  if (out_.empty()) bytes.remove_prefix(Send(bytes));
  out_.append(bytes);
}

size_t TcpConnection::Send(std::string_view bytes) {
  ssize_t sent;
  do {
    sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  // An error that stays is told to the next read.
  return sent < 0 ? 0 : static_cast<size_t>(sent);
}

}  // namespace chatter::loadgen
