#include "services/chat/outbox.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "glog/logging.h"

namespace chatter::chat {
namespace {

constexpr int kMaxInFlight = 32;
constexpr size_t kMaxWaiting = 10'000;
// Outcomes that storage has not taken yet; no call is started while there are more.
constexpr size_t kMaxUnrecorded = 1'000;
constexpr size_t kClaimLimit = 256;
constexpr absl::Duration kLease = absl::Minutes(1);
// How often to look for what another process left behind.
constexpr absl::Duration kClaimInterval = absl::Seconds(5);
constexpr absl::Duration kStorageRetry = absl::Seconds(1);
constexpr absl::Duration kFirstBackoff = absl::Seconds(1);
constexpr absl::Duration kMaxBackoff = absl::Minutes(5);
// While calls are on their way, their outcomes gather for this long: each record of them
// is a transaction. After a crash, what was not recorded is delivered again.
constexpr absl::Duration kGather = absl::Milliseconds(20);
// How long the worker sleeps at most, so that it notices a clock that jumped.
constexpr absl::Duration kMaxSleep = absl::Seconds(1);

}  // namespace

Outbox::Outbox(storage::Storage& storage, notification::Notifier* notifier,
               NotificationMetrics& metrics, const Clock& clock)
    : storage_(storage),
      notifier_(notifier),
      metrics_(metrics),
      clock_(clock),
      next_claim_(clock.Now()) {
  if (enabled()) worker_ = std::thread([this] { Work(); });
}

Outbox::~Outbox() { Stop(); }

void Outbox::Add(std::vector<storage::Notification> notifications, absl::Time lease_end) {
  absl::MutexLock lock(&mutex_);
  for (storage::Notification& notification : notifications) {
    if (waiting_.size() >= kMaxWaiting) {
      next_claim_ = std::min(next_claim_, lease_end);
      return;
    }
    waiting_.push_back({std::move(notification), lease_end});
  }
}

void Outbox::Stop() {
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  if (worker_.joinable()) worker_.join();
}

bool Outbox::HasWork() const {
  if (stopping_) return in_flight_ == 0;
  return !waiting_.empty() && in_flight_ < kMaxInFlight && unrecorded() < kMaxUnrecorded;
}

absl::Duration Outbox::Patience() const {
  const absl::Duration longest = in_flight_ + unrecorded() > 0 ? kGather : kMaxSleep;
  if (stopping_ || waiting_.size() >= kClaimLimit) return longest;
  return std::clamp(next_claim_ - clock_.Now(), absl::ZeroDuration(), longest);
}

void Outbox::Work() {
  absl::MutexLock lock(&mutex_);
  absl::Duration next_record;  // in real uptime
  while (true) {
    mutex_.AwaitWithTimeout(absl::Condition(this, &Outbox::HasWork), Patience());
    if (stopping_ && in_flight_ == 0) {
      // Gives back what was not tried, so that the next process need not wait for it.
      for (Entry& entry : waiting_) {
        failed_.push_back({std::move(entry.notification.key), entry.notification.attempts,
                           clock_.Now()});
      }
      waiting_.clear();
      RecordOutcomes();
      return;
    }
    StartCalls();
    const absl::Duration now = Clock::Real().Uptime();
    if (now >= next_record) {
      next_record = now + kGather;
      RecordOutcomes();
    }
    if (!stopping_) ClaimDue();
  }
}

void Outbox::RecordOutcomes() {
  if (finished_.empty() && failed_.empty()) return;
  std::vector<storage::NotificationKey> finished = std::move(finished_);
  std::vector<storage::NotificationRetry> failed = std::move(failed_);
  finished_.clear();
  failed_.clear();
  mutex_.Unlock();
  absl::Status status;
  if (!finished.empty()) status = storage_.RemoveNotifications(finished);
  if (status.ok()) finished.clear();
  if (status.ok() && !failed.empty()) status = storage_.RetryNotifications(failed);
  if (status.ok()) {
    failed.clear();
  } else {
    LOG(ERROR) << "could not record what became of " << finished.size() + failed.size()
               << " notifications: " << status;
  }
  mutex_.Lock();
  if (!status.ok()) {
    mutex_.AwaitWithTimeout(absl::Condition(&stopping_), kStorageRetry);
  }
  finished_.insert(finished_.end(), std::make_move_iterator(finished.begin()),
                   std::make_move_iterator(finished.end()));
  failed_.insert(failed_.end(), std::make_move_iterator(failed.begin()),
                 std::make_move_iterator(failed.end()));
}

void Outbox::ClaimDue() {
  const absl::Time now = clock_.Now();
  if (now < next_claim_ || waiting_.size() >= kClaimLimit) return;
  // Failures reported meanwhile may bring the next claim forward again.
  next_claim_ = now + kClaimInterval;
  mutex_.Unlock();
  absl::StatusOr<std::vector<storage::Notification>> due =
      storage_.ClaimNotifications(now, kLease, kClaimLimit);
  mutex_.Lock();
  if (!due.ok()) {
    LOG(ERROR) << "could not look for due notifications: " << due.status();
    next_claim_ = std::min(next_claim_, now + kStorageRetry);
    return;
  }
  if (due->size() == kClaimLimit) next_claim_ = now;
  for (storage::Notification& notification : *due) {
    waiting_.push_back({std::move(notification), now + kLease});
  }
}

void Outbox::StartCalls() {
  while (in_flight_ < kMaxInFlight) {
    std::unique_ptr<Entry> entry = NextEntry();
    if (entry == nullptr) return;
    ++in_flight_;
    mutex_.Unlock();
    Start(std::move(entry));
    mutex_.Lock();
  }
}

std::unique_ptr<Outbox::Entry> Outbox::NextEntry() {
  while (!waiting_.empty() && unrecorded() < kMaxUnrecorded && !stopping_) {
    auto entry = std::make_unique<Entry>(std::move(waiting_.front()));
    waiting_.pop_front();
    if (clock_.Now() + notification::kNotifyDeadline < entry->lease_end) return entry;
    // Somebody else may claim it before this call would end.
    next_claim_ = std::min(next_claim_, entry->lease_end);
  }
  return nullptr;
}

// When a call ends at once, the next one is started within it, until there are too many
// unrecorded outcomes.
void Outbox::Start(std::unique_ptr<Entry> entry) {
  Entry* const started = entry.release();
  const storage::Notification& notification = started->notification;
  notifier_->Notify({notification.key.recipient, notification.sender, notification.text,
                     notification.created},
                    [this, started](const absl::Status& status) {
                      Finished(std::unique_ptr<Entry>(started), status);
                    });
}

void Outbox::Finished(std::unique_ptr<Entry> entry, const absl::Status& status) {
  std::unique_ptr<Entry> next;
  {
    absl::MutexLock lock(&mutex_);
    AddOutcome(std::move(entry->notification), status);
    // In the place of this one, so that the worker need not wake up for it.
    next = NextEntry();
    if (next == nullptr) --in_flight_;
  }
  if (next != nullptr) Start(std::move(next));
}

void Outbox::AddOutcome(storage::Notification notification, const absl::Status& status) {
  const bool refused = absl::IsInvalidArgument(status);
  if (refused) {
    LOG(ERROR) << "notif refused a notification for good: " << status.message();
  }
  if (status.ok() || refused) {
    (refused ? metrics_.refused : metrics_.delivered).Add();
    finished_.push_back(std::move(notification.key));
    return;
  }
  metrics_.retried.Add();
  const int attempts = notification.attempts + 1;
  const absl::Time due = clock_.Now() + Backoff(attempts);
  LOG_EVERY_N(WARNING, 100) << "notif failed (" << google::COUNTER
                            << " times so far): " << status.message();
  failed_.push_back({std::move(notification.key), attempts, due});
  next_claim_ = std::min(next_claim_, due);
}

absl::Duration Outbox::Backoff(int attempts) {
  const int doublings = std::min(attempts - 1, 20);
  const absl::Duration base =
      std::min(kFirstBackoff * (int64_t{1} << doublings), kMaxBackoff);
  return base * absl::Uniform(random_, 0.75, 1.25);
}

}  // namespace chatter::chat
