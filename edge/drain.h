// How a stopping edge thread lets its connections go.
#ifndef CHATTER_EDGE_DRAIN_H_
#define CHATTER_EDGE_DRAIN_H_

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace chatter::edge {

// Spreads the ends of connections evenly over a time, so that their clients do not all
// come back to the other edges at once.
class Drain {
 public:
  // Of `connections`, in their order, from `now` on; all of them at once when `over` is
  // zero.
  Drain(std::vector<uint64_t> connections, absl::Duration now, absl::Duration over)
      : connections_(std::move(connections)), begin_(now), over_(over) {}

  absl::Duration end() const { return begin_ + over_; }
  bool is_done() const { return taken_ == connections_.size(); }

  // Those whose time has come since the last call.
  absl::Span<const uint64_t> TakeDue(absl::Duration now) {
    size_t due = connections_.size();
    if (now < end()) {
      const double part = absl::FDivDuration(now - begin_, over_);
      due = static_cast<size_t>(static_cast<double>(due) * part);
    }
    const absl::Span<const uint64_t> taken =
        absl::MakeConstSpan(connections_).subspan(taken_, due - taken_);
    taken_ = due;
    return taken;
  }

 private:
  const std::vector<uint64_t> connections_;
  const absl::Duration begin_;
  const absl::Duration over_;
  size_t taken_ = 0;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_DRAIN_H_
