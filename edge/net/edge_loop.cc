#include "edge/net/edge_loop.h"

#include <poll.h>
#include <sys/prctl.h>

#include <asio/post.hpp>
#include <chrono>
#include <ctime>
#include <utility>

#include "edge/net/socket.h"
#include "glog/logging.h"

namespace chatter::edge {
namespace {

constexpr int kHandshakesInATurn = 4;

}  // namespace

void EdgeLoop::Run(const std::function<void()>& end_of_turn,
                   const std::function<void()>& tick) {
  // A pause is short: it should not end when that suits the kernel, up to 50 us later.
  PCHECK(prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL) == 0);
  ScheduleTick(tick);
  while (!io_.stopped()) {
    if (pausing_) {
      AwaitUrgentOrEnd();
    } else {
      io_.run_one();
    }
    io_.poll();
    if (!to_handshake_.empty()) DoHandshakes();
    end_of_turn();
    FlushSockets();
  }
}

void EdgeLoop::Pause(absl::Duration pause, int urgent_descriptor) {
  pausing_ = true;
  pause_end_ = Now() + pause;
  urgent_descriptor_ = urgent_descriptor;
}

void EdgeLoop::AwaitUrgentOrEnd() {
  pollfd urgent{urgent_descriptor_, POLLIN, 0};
  const absl::Duration rest = pause_end_ - Now();
  bool is_over = rest <= absl::ZeroDuration();
  if (!is_over && to_handshake_.empty()) {
    const timespec patience = absl::ToTimespec(rest);
    is_over = ppoll(&urgent, 1, &patience, nullptr) == 0 ||
              (urgent.revents & ~POLLIN) != 0 || Now() >= pause_end_;
  }
  pausing_ = !is_over;
}

void EdgeLoop::FlushLater(std::shared_ptr<Socket> socket) {
  to_flush_.push_back(std::move(socket));
}

void EdgeLoop::HandshakeLater(std::shared_ptr<Socket> socket) {
  to_handshake_.push_back(std::move(socket));
}

void EdgeLoop::DoHandshakes() {
  for (int i = 0; i < kHandshakesInATurn && !to_handshake_.empty(); ++i) {
    const std::shared_ptr<Socket> socket = std::move(to_handshake_.front());
    to_handshake_.pop_front();
    socket->Handshake();
  }
  // So that there is a next turn.
  if (!to_handshake_.empty()) asio::post(io_, [] {});
}

void EdgeLoop::FlushSockets() {
  // A flush may end a connection, whose end may write to others.
  while (!to_flush_.empty()) {
    flushing_.swap(to_flush_);
    for (const auto& socket : flushing_) socket->Flush();
    flushing_.clear();
  }
}

void EdgeLoop::ScheduleTick(const std::function<void()>& tick) {
  tick_timer_.expires_after(std::chrono::seconds(1));
  tick_timer_.async_wait([this, tick](const asio::error_code& error) {
    if (error) return;
    tick();
    ScheduleTick(tick);
  });
}

}  // namespace chatter::edge
