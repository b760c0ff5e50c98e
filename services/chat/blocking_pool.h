#ifndef CHATTER_SERVICES_CHAT_BLOCKING_POOL_H_
#define CHATTER_SERVICES_CHAT_BLOCKING_POOL_H_

#include <asio/post.hpp>
#include <asio/thread_pool.hpp>
#include <atomic>
#include <cstddef>
#include <utility>

namespace chatter::chat {

// A few threads for calls that block, so that event threads never do. Thread-safe.
class BlockingPool {
 public:
  BlockingPool(int threads, int max_waiting)
      : max_waiting_(max_waiting), pool_(static_cast<size_t>(threads)) {}

  // Runs what still waits, then ends.
  ~BlockingPool() { pool_.join(); }

  // Leaves `task` alone and returns false when too many wait already.
  template <typename Task>
  bool TryRun(Task&& task) {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) >= max_waiting_) {
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    asio::post(pool_, [this, task = std::forward<Task>(task)]() mutable {
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      task();
    });
    return true;
  }

 private:
  const int max_waiting_;
  std::atomic<int> waiting_{0};
  asio::thread_pool pool_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_BLOCKING_POOL_H_
