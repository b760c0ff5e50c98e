#ifndef CHATTER_EDGE_NET_DEADLINE_WHEEL_H_
#define CHATTER_EDGE_NET_DEADLINE_WHEEL_H_

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace chatter::edge {

// Reminds of connections, by number, to the second and never too early by more than the
// wheel's turn: the reminded one looks at its own deadline, and asks again when that is
// still to come. So moving a deadline further away costs nothing. Of one thread.
class DeadlineWheel {
 public:
  explicit DeadlineWheel(absl::Duration now) : now_(ToSlot(now)) {}

  void Add(uint64_t id, absl::Duration at) {
    const int64_t slot = std::clamp<int64_t>(ToSlot(at) + 1, now_ + 1, now_ + kSlots - 1);
    slots_[static_cast<size_t>(slot) % kSlots].push_back(id);
  }

  // Calls `remind(id)` for what is due at `now`. It may add.
  template <typename Remind>
  void Advance(absl::Duration now, Remind remind) {
    const int64_t until = ToSlot(now);
    for (int64_t turned = 0; now_ < until && turned < kSlots; ++turned) {
      ++now_;
      due_.swap(slots_[static_cast<size_t>(now_) % kSlots]);
      for (const uint64_t id : due_) remind(id);
      due_.clear();
    }
    now_ = std::max(now_, until);
  }

 private:
  static constexpr int64_t kSlots = 128;  // of one second each

  static int64_t ToSlot(absl::Duration at) { return absl::ToInt64Seconds(at); }

  int64_t now_;
  std::array<std::vector<uint64_t>, kSlots> slots_;
  std::vector<uint64_t> due_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_DEADLINE_WHEEL_H_
