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

// Reminds of connections, by number, to the second; of what is further away than a turn
// of the wheel, earlier. Of one thread. See Deadline.
class DeadlineWheel {
 public:
  explicit DeadlineWheel(absl::Duration now) : now_(ToSlot(now)) {}

  // Returns when it will remind: an Advance to that time or a later one does.
  absl::Duration Add(uint64_t id, absl::Duration at) {
    const int64_t slot = std::clamp<int64_t>(ToSlot(at) + 1, now_ + 1, now_ + kSlots - 1);
    slots_[static_cast<size_t>(slot) % kSlots].push_back(id);
    ++size_;
    return absl::Seconds(slot);
  }
  // Reminders to come.
  size_t size() const { return size_; }

  // Calls `remind(id)` for what is due at `now`. It may add.
  template <typename Remind>
  void Advance(absl::Duration now, Remind remind) {
    const int64_t until = ToSlot(now);
    for (int64_t turned = 0; now_ < until && turned < kSlots; ++turned) {
      ++now_;
      due_.swap(slots_[static_cast<size_t>(now_) % kSlots]);
      size_ -= due_.size();
      for (const uint64_t id : due_) remind(id);
      due_.clear();
    }
    now_ = std::max(now_, until);
  }

 private:
  static constexpr int64_t kSlots = 128;  // of one second each

  static int64_t ToSlot(absl::Duration at) { return absl::ToInt64Seconds(at); }

  int64_t now_;
  size_t size_ = 0;
  std::array<std::vector<uint64_t>, kSlots> slots_;
  std::vector<uint64_t> due_;
};

// One connection's deadline, which moves often: further away that costs nothing, since
// the reminded one looks at it, and is reminded again when it is still to come.
class Deadline {
 public:
  void Set(DeadlineWheel& wheel, uint64_t id, absl::Duration at) {
    at_ = at;
    // To the second, as the wheel turns.
    if (reminder_ > at_ + absl::Seconds(1)) reminder_ = wheel.Add(id, at_);
  }

  // On a reminder: whether it has passed.
  bool HasPassed(DeadlineWheel& wheel, uint64_t id, absl::Duration now) {
    // Of a reminder whose place an earlier one has taken: were there another one for it,
    // reminders would become more and more.
    if (now < reminder_) return false;
    reminder_ = absl::InfiniteDuration();
    if (now >= at_) return true;
    Set(wheel, id, at_);
    return false;
  }

 private:
  absl::Duration at_ = absl::InfiniteDuration();
  absl::Duration reminder_ = absl::InfiniteDuration();  // the next one
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_DEADLINE_WHEEL_H_
