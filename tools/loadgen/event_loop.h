// The one thread's event loop, on epoll itself: nothing stands between a message and the
// system calls that it needs.
#ifndef CHATTER_TOOLS_LOADGEN_EVENT_LOOP_H_
#define CHATTER_TOOLS_LOADGEN_EVENT_LOOP_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace chatter::loadgen {

inline constexpr int64_t kNever = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kSecond = 1'000'000'000;

// CLOCK_MONOTONIC, in nanoseconds: what every time in here is.
int64_t Now();

// Runs in turns: everything that is ready, then the tickers that are due, then whatever
// asked for the end of the turn. Nothing that it was given may go away while it runs.
class EventLoop {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // `events` as epoll has them. May also be told of a descriptor that it has closed in
    // the same turn.
    virtual void OnReady(uint32_t events) = 0;
  };
  class Flushable {
   public:
    virtual ~Flushable() = default;
    virtual void Flush() = 0;
  };
  // Returns when it wants to run next; kNever: not again.
  using Ticker = std::function<int64_t(int64_t now)>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Edge-triggered, for reading and writing, until `fd` is closed.
  void Watch(int fd, Handler& handler);
  void AddTicker(int64_t first, Ticker ticker);
  // Once for each call.
  void FlushLater(Flushable& flushable) { to_flush_.push_back(&flushable); }

  // The run shall end: what came was not to be expected. The first reason is the one
  // that is told.
  void Fail(absl::Status why);
  const absl::Status& failure() const { return failure_; }

  // Until `done`, the deadline, or a failure. Returns whether it is done.
  bool RunUntil(const std::function<bool()>& done, int64_t deadline);
  // The failure; DEADLINE_EXCEEDED when `what` takes longer than `timeout`.
  absl::Status Await(const std::function<bool()>& done, int64_t timeout,
                     std::string_view what);

  // When the events, or the bytes of a socket, that are being handled came in.
  int64_t now() const { return now_; }
  int64_t UpdateNow() { return now_ = Now(); }
  // What every socket reads into: valid until the handler returns.
  std::vector<char>& read_buffer() { return read_buffer_; }

 private:
  struct Due {
    int64_t next;
    Ticker ticker;
  };

  void Turn(int64_t deadline);
  void RunTickers();

  const int epoll_;
  int64_t now_;
  absl::Status failure_;
  std::vector<Due> tickers_;  // two or three
  std::vector<Flushable*> to_flush_;
  std::vector<Flushable*> flushing_;
  std::vector<char> read_buffer_;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_EVENT_LOOP_H_
