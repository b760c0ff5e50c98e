// The event loop of one edge thread.
#ifndef CHATTER_EDGE_NET_EDGE_LOOP_H_
#define CHATTER_EDGE_NET_EDGE_LOOP_H_

#include <array>
#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "services/base/clock.h"

namespace chatter::edge {

class Socket;

// With the loop's own executor, which is smaller than one that may be any.
using TcpSocket =
    asio::basic_stream_socket<asio::ip::tcp, asio::io_context::executor_type>;
using TcpAcceptor =
    asio::basic_socket_acceptor<asio::ip::tcp, asio::io_context::executor_type>;
using SteadyTimer =
    asio::steady_timer::rebind_executor<asio::io_context::executor_type>::other;

// Runs handlers in turns: everything that is ready, then `end_of_turn`, then one write
// for each socket that was written to. All of it belongs to the thread that calls Run,
// but for Stop and what asio::post needs of io().
class EdgeLoop {
 public:
  static constexpr size_t kReadBufferBytes = 64 << 10;

  explicit EdgeLoop(const Clock& clock) : clock_(clock) {}
  EdgeLoop(const EdgeLoop&) = delete;
  EdgeLoop& operator=(const EdgeLoop&) = delete;

  asio::io_context& io() { return io_; }
  const Clock& clock() const { return clock_; }
  absl::Duration Now() const { return clock_.Uptime(); }

  // Until Stop. `tick` runs about once a second.
  void Run(const std::function<void()>& end_of_turn, const std::function<void()>& tick);
  // Any thread.
  void Stop() { io_.stop(); }

  // At the end of a turn. Nothing but the urgent descriptor, when there is something to
  // read from it, makes the next turns begin before the pause is over: what clients send
  // meanwhile gathers without waking this thread. For a millisecond or so: timers, what
  // is posted and Stop wait, too, but TLS handshakes go on. A pause ends with a turn, in
  // which is_pausing is false; it ends early when the descriptor breaks.
  void Pause(absl::Duration pause, int urgent_descriptor);
  bool is_pausing() const { return pausing_; }

  // The socket has something to send at the end of this turn.
  void FlushLater(std::shared_ptr<Socket> socket);

  // The socket has a step of a TLS handshake to do. A turn does a few of them only, since
  // one can take a millisecond that all others wait.
  void HandshakeLater(std::shared_ptr<Socket> socket);

  // What every socket of the thread reads into: valid until the handler returns.
  std::array<char, kReadBufferBytes>& read_buffer() { return read_buffer_; }

 private:
  void FlushSockets();
  void DoHandshakes();
  void AwaitUrgentOrEnd();
  void ScheduleTick(const std::function<void()>& tick);

  const Clock& clock_;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::steady_timer tick_timer_{io_};
  bool pausing_ = false;
  absl::Duration pause_end_;
  int urgent_descriptor_ = -1;
  std::vector<std::shared_ptr<Socket>> to_flush_;
  std::vector<std::shared_ptr<Socket>> flushing_;
  std::deque<std::shared_ptr<Socket>> to_handshake_;
  std::array<char, kReadBufferBytes> read_buffer_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_EDGE_LOOP_H_
