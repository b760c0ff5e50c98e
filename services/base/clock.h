#ifndef CHATTER_SERVICES_BASE_CLOCK_H_
#define CHATTER_SERVICES_BASE_CLOCK_H_

#include <atomic>
#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace chatter {

// Where time comes from, so that a test can move it. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // The wall clock. It can jump.
  virtual absl::Time Now() const = 0;

  // Time since some fixed moment. Never goes back: for deadlines and intervals.
  virtual absl::Duration Uptime() const = 0;

  // The process's real clock.
  static const Clock& Real();
};

// Stands still until it is moved.
class FakeClock : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000))
      : start_(start) {}

  absl::Time Now() const override { return start_ + Uptime(); }
  absl::Duration Uptime() const override {
    return absl::Nanoseconds(elapsed_ns_.load(std::memory_order_acquire));
  }
  void Advance(absl::Duration by) {
    elapsed_ns_.fetch_add(absl::ToInt64Nanoseconds(by), std::memory_order_acq_rel);
  }

 private:
  const absl::Time start_;
  std::atomic<int64_t> elapsed_ns_{0};
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_CLOCK_H_
