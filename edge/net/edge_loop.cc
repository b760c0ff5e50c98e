#include "edge/net/edge_loop.h"

#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "edge/net/socket.h"

namespace chatter::edge {
namespace {

constexpr int kHandshakesInATurn = 4;

}  // namespace

void EdgeLoop::Run(const std::function<void()>& end_of_turn,
                   const std::function<void()>& tick) {
  ScheduleTick(tick);
  while (io_.run_one() > 0) {
    io_.poll();
    if (!to_handshake_.empty()) DoHandshakes();
    end_of_turn();
    FlushSockets();
  }
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
