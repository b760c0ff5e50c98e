// What a program counts about itself; metric_page.h shows it to Prometheus.
//
// Those of prometheus-cpp add to a double by compare and swap, which the way of a message
// cannot afford. Here it costs a load and a store: what one thread counts is written by
// that thread alone, and added up when somebody looks.
#ifndef CHATTER_SERVICES_BASE_METRICS_H_
#define CHATTER_SERVICES_BASE_METRICS_H_

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace chatter {

// Written by one thread at a time, one thread or those that hold one lock; read by any.
class Counter {
 public:
  void Add(uint64_t count = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + count,
                 std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Written by any thread: for what is rarer than messages.
class SharedCounter {
 public:
  void Add(uint64_t count = 1) { value_.fetch_add(count, std::memory_order_relaxed); }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// Goes up and down. Written by one thread at a time.
class Gauge {
 public:
  void Set(int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void Add(int64_t change) { Set(value() + change); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// Likewise, written by any thread.
class SharedGauge {
 public:
  void Add(int64_t change) { value_.fetch_add(change, std::memory_order_relaxed); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// What a histogram holds; those of several threads can be added up.
struct HistogramReading {
  absl::Span<const int64_t> bounds;
  std::vector<uint64_t> counts;  // one for each bound, and one for what is above them all
  uint64_t sum = 0;

  HistogramReading& operator+=(const HistogramReading& other);
};

// Nanoseconds, from 0.25 ms to 10 s.
inline constexpr std::array<int64_t, 15> kLatencyBounds = {
    250'000,     500'000,       1'000'000,     2'500'000,     5'000'000,
    10'000'000,  25'000'000,    50'000'000,    100'000'000,   250'000'000,
    500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
inline constexpr double kSecondsInNanosecond = 1e-9;

// How many values there were up to each of a few bounds. `Cell` is Counter or
// SharedCounter.
template <typename Cell>
class BasicHistogram {
 public:
  static constexpr size_t kMaxBounds = 15;

  // Growing, at most kMaxBounds; they outlive the histogram.
  explicit BasicHistogram(absl::Span<const int64_t> bounds = kLatencyBounds)
      : bounds_(bounds.subspan(0, kMaxBounds)) {}

  void Observe(int64_t value) {
    const auto bound = std::lower_bound(bounds_.begin(), bounds_.end(), value);
    counts_[static_cast<size_t>(bound - bounds_.begin())].Add();
    sum_.Add(static_cast<uint64_t>(std::max<int64_t>(value, 0)));
  }
  // For bounds in nanoseconds.
  void Observe(absl::Duration duration) { Observe(absl::ToInt64Nanoseconds(duration)); }

  HistogramReading Read() const {
    HistogramReading reading{bounds_, {}, sum_.value()};
    for (size_t i = 0; i <= bounds_.size(); ++i) {
      reading.counts.push_back(counts_[i].value());
    }
    return reading;
  }

 private:
  const absl::Span<const int64_t> bounds_;
  std::array<Cell, kMaxBounds + 1> counts_;
  Cell sum_;
};

using Histogram = BasicHistogram<Counter>;
using SharedHistogram = BasicHistogram<SharedCounter>;

// Requests to a neighbour. Any thread.
struct CallMetrics {
  // `refusal`: the outcome when the neighbour refuses.
  void Count(absl::StatusCode outcome, absl::StatusCode refusal, absl::Duration took) {
    SharedCounter& counter = outcome == absl::StatusCode::kOk ? ok
                             : outcome == refusal             ? refused
                                                              : failed;
    counter.Add();
    latency.Observe(took);
  }

  SharedCounter ok;
  SharedCounter refused;  // by the neighbour: asking again would not help
  SharedCounter failed;
  SharedHistogram latency;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_METRICS_H_
