#ifndef CHATTER_SERVICES_BASE_RATE_LIMIT_H_
#define CHATTER_SERVICES_BASE_RATE_LIMIT_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace chatter {

// So many a second, and bursts: a token bucket. Each bucket is one number, when it will
// be full again, so that a full one needs no memory. Immutable; thread-safe with buckets
// that are.
class RateLimit {
 public:
  // The time, as Clock::Uptime has it, at which the bucket is full, in nanoseconds.
  using FullAt = int64_t;
  static constexpr FullAt kFull = 0;

  // `per_second` 0: no limit. `burst`: what a full bucket holds.
  RateLimit(int64_t per_second, int64_t burst)
      : interval_(per_second == 0 ? 0 : 1'000'000'000 / per_second),
        capacity_(interval_ * burst) {}

  bool is_on() const { return interval_ > 0; }

  // Takes one out of the bucket. Zero: it was there; otherwise how long until it is.
  absl::Duration Take(FullAt& bucket, absl::Duration now) const {
    const int64_t now_ns = absl::ToInt64Nanoseconds(now);
    const int64_t next = std::max(bucket, now_ns) + interval_;
    if (next - now_ns > capacity_) return absl::Nanoseconds(next - now_ns - capacity_);
    bucket = next;
    return absl::ZeroDuration();
  }
  // The same for one that many threads take from.
  absl::Duration Take(std::atomic<FullAt>& bucket, absl::Duration now) const {
    FullAt seen = bucket.load(std::memory_order_relaxed);
    while (true) {
      FullAt taken = seen;
      const absl::Duration wait = Take(taken, now);
      if (wait > absl::ZeroDuration() ||
          bucket.compare_exchange_weak(seen, taken, std::memory_order_relaxed)) {
        return wait;
      }
    }
  }

  static bool IsFull(FullAt bucket, absl::Duration now) {
    return bucket <= absl::ToInt64Nanoseconds(now);
  }

 private:
  const int64_t interval_;  // nanoseconds
  const int64_t capacity_;  // nanoseconds to fill
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_RATE_LIMIT_H_
