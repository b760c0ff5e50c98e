#include "storage/postgres/pool.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace chatter::storage::postgres {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(20);
constexpr absl::Duration kLongestPause = absl::Milliseconds(500);

bool IsWorthTryingAgain(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsAborted(status);
}

}  // namespace

Pool::Pool(PostgresTarget target, int size, absl::Duration patience)
    : target_(std::move(target)), patience_(patience) {
  absl::MutexLock lock(&mutex_);
  idle_.resize(static_cast<size_t>(size));
}

absl::Status Pool::Repeat(Work work) { return Run(work, true); }

absl::Status Pool::Once(Work work) { return Run(work, false); }

absl::Status Pool::Run(Work work, bool repeat_when_broken) {
  const absl::Time deadline = absl::Now() + patience_;
  absl::Duration pause = kFirstPause;
  while (true) {
    absl::StatusOr<Slot> slot = Take(deadline);
    if (!slot.ok()) return slot.status();
    absl::Status status;
    if (*slot != nullptr && (*slot)->HasEnded()) slot->reset();
    if (*slot == nullptr) {
      absl::StatusOr<Slot> opened = Connection::Open(target_, watchdog_);
      if (opened.ok()) *slot = *std::move(opened);
      status = opened.status();
    }
    bool broken = false;
    if (status.ok()) {
      status = work(**slot);
      broken = (*slot)->broken();
      if (broken) slot->reset();
    }
    GiveBack(*std::move(slot));
    if (broken && !status.ok() && !repeat_when_broken) {
      return absl::UnknownError(status.message());
    }
    if (!IsWorthTryingAgain(status)) return status;
    if (absl::Now() + pause >= deadline) {
      return absl::UnavailableError(status.message());
    }
    absl::SleepFor(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

absl::StatusOr<Pool::Slot> Pool::Take(absl::Time deadline) {
  absl::MutexLock lock(&mutex_);
  const bool there = mutex_.AwaitWithDeadline(
      absl::Condition(
          +[](std::vector<Slot>* idle) { return !idle->empty(); }, &idle_),
      deadline);
  if (!there) return absl::UnavailableError("PostgreSQL: every connection is busy");
  Slot slot = std::move(idle_.back());
  idle_.pop_back();
  return slot;
}

void Pool::GiveBack(Slot slot) {
  absl::MutexLock lock(&mutex_);
  // Those that are open are used first.
  if (slot == nullptr) {
    idle_.insert(idle_.begin(), nullptr);
  } else {
    idle_.push_back(std::move(slot));
  }
}

}  // namespace chatter::storage::postgres
