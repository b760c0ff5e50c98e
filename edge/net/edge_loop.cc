#include "edge/net/edge_loop.h"

#include <chrono>
#include <utility>

#include "edge/net/socket.h"

namespace chatter::edge {

void EdgeLoop::Run(const std::function<void()>& end_of_turn,
                   const std::function<void()>& tick) {
  ScheduleTick(tick);
  while (io_.run_one() > 0) {
    io_.poll();
    end_of_turn();
    FlushSockets();
  }
}

void EdgeLoop::FlushLater(std::shared_ptr<Socket> socket) {
  to_flush_.push_back(std::move(socket));
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
