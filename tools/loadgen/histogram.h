#ifndef CHATTER_TOOLS_LOADGEN_HISTOGRAM_H_
#define CHATTER_TOOLS_LOADGEN_HISTOGRAM_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace chatter::loadgen {

// Counts of durations in nanoseconds, in cells that are equally wide within each power of
// two: what it returns is at most 0.1 % above what was recorded. Fixed memory (256 KB).
class Histogram {
 public:
  // More is recorded as this: an hour and a quarter.
  static constexpr int64_t kMax = (int64_t{1} << 42) - 1;

  Histogram() : cells_(kCells) {}

  // Negative values count as 0.
  void Record(int64_t ns) {
    if (ns < 0) ns = 0;
    if (ns > kMax) ns = kMax;
    ++cells_[CellOf(ns)];
    ++count_;
    sum_ += ns;
    if (ns > max_) max_ = ns;
  }

  void Add(const Histogram& other);
  void Clear();

  int64_t count() const { return count_; }
  // Exact.
  int64_t max() const { return max_; }
  double mean() const;
  // The least value that at least this share (0 to 1) of what was recorded does not
  // exceed; 0 when there is nothing.
  int64_t Quantile(double share) const;

 private:
  static constexpr int kHalfBits = 10;
  static constexpr size_t kHalf = size_t{1} << kHalfBits;
  static constexpr size_t kCells = (42 - kHalfBits + 1) * kHalf;

  // The first 2 * kHalf values have a cell each; after that each power of two has kHalf.
  static size_t CellOf(int64_t ns) {
    const auto value = static_cast<uint64_t>(ns);
    const int shift = 63 - __builtin_clzll(value | kHalf) - kHalfBits;
    return static_cast<size_t>(shift) * kHalf + (value >> shift);
  }
  static int64_t LastOf(size_t cell);

  std::vector<int64_t> cells_;
  int64_t count_ = 0;
  int64_t sum_ = 0;
  int64_t max_ = 0;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_HISTOGRAM_H_
