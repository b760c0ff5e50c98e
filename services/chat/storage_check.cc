#include "services/chat/storage_check.h"

#include <cstdint>
#include <utility>

namespace chatter::chat {
namespace {

constexpr absl::Duration kInterval = absl::Seconds(5);
constexpr absl::Duration kPatience = absl::Seconds(1);
// So that a long outbox does not make looking at it slow.
constexpr int64_t kMostCounted = 100'000;

}  // namespace

StorageCheck::StorageCheck(storage::Storage& storage, const Clock& clock)
    : storage_(storage), clock_(clock), thread_([this] { Work(); }) {}

StorageCheck::~StorageCheck() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

absl::StatusOr<storage::OutboxState> StorageCheck::Look() {
  absl::MutexLock lock(&mutex_);
  if (answered_at_.has_value() && clock_.Uptime() - *answered_at_ < kInterval) {
    return answer_;
  }
  wanted_ = true;
  const auto answered = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return !wanted_; };
  if (!mutex_.AwaitWithTimeout(absl::Condition(&answered), kPatience)) {
    return absl::UnavailableError("the storage does not answer");
  }
  return answer_;
}

void StorageCheck::Work() {
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return wanted_ || stopping_;
  };
  while (true) {
    {
      absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
      if (stopping_) return;
    }
    absl::StatusOr<storage::OutboxState> state = storage_.InspectOutbox(kMostCounted);
    absl::MutexLock lock(&mutex_);
    answer_ = std::move(state);
    answered_at_ = clock_.Uptime();
    wanted_ = false;
  }
}

}  // namespace chatter::chat
