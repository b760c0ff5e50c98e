#ifndef CHATTER_EDGE_LIMITS_MEMORY_LIMIT_H_
#define CHATTER_EDGE_LIMITS_MEMORY_LIMIT_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "edge/limits/process_memory.h"

namespace chatter::edge {

// MAX_MEMORY_MB: whether the process occupies more than it should. Thread-safe.
class MemoryLimit {
 public:
  // 0: no limit.
  MemoryLimit(int64_t max_bytes, ProcessMemory& memory)
      : max_bytes_(max_bytes), memory_(memory) {}

  // Measures, on one thread or another once a second: all call this about as often.
  void Tick(absl::Duration now);

  // Since it was over the limit until it is a twentieth below.
  bool is_over() const { return is_over_.load(std::memory_order_relaxed); }

 private:
  const int64_t max_bytes_;
  ProcessMemory& memory_;  // of the thread that has taken the second
  std::atomic<int64_t> second_{-1};
  std::atomic<bool> measuring_{false};
  std::atomic<bool> is_over_{false};
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_MEMORY_LIMIT_H_
