#include "edge/limits/memory_limit.h"

#include "glog/logging.h"

namespace chatter::edge {

void MemoryLimit::Tick(absl::Duration now) {
  if (max_bytes_ == 0) return;
  const int64_t second = absl::ToInt64Seconds(now);
  if (second_.load(std::memory_order_relaxed) == second ||
      measuring_.exchange(true, std::memory_order_acquire)) {
    return;
  }
  second_.store(second, std::memory_order_relaxed);
  int64_t resident = memory_.ResidentBytes();
  const bool was_over = is_over();
  if (resident > max_bytes_ || was_over) {
    // Without this, what the allocator keeps for later would hold the door closed.
    memory_.GiveBack();
    resident = memory_.ResidentBytes();
  }
  const bool over = resident > (was_over ? max_bytes_ - max_bytes_ / 20 : max_bytes_);
  is_over_.store(over, std::memory_order_relaxed);
  if (over != was_over) {
    LOG(WARNING) << resident / 1'000'000 << " MB are resident, MAX_MEMORY_MB is "
                 << max_bytes_ / 1'000'000 << ": new connections are "
                 << (over ? "refused" : "accepted again");
  }
  measuring_.store(false, std::memory_order_release);
}

}  // namespace chatter::edge
