// Tells users about messages, once each message is committed and until it has worked.
#ifndef CHATTER_SERVICES_CHAT_OUTBOX_H_
#define CHATTER_SERVICES_CHAT_OUTBOX_H_

#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "services/chat/chat_metrics.h"
#include "services/notification/notifier.h"
#include "storage/storage.h"

namespace chatter::chat {

// Delivers the notifications of the outbox at least once, up to 32 at a time. The
// storage holds every one of them until it is delivered or refused for good; memory holds
// only what this process works on. A failed one is tried again after 1 s, then twice as
// long each time, up to 5 minutes, give or take a quarter; also by another process, when
// this one is gone. Thread-safe.
class Outbox {
 public:
  // Without a notifier notifications are off: nothing enters the outbox, and what is
  // there stays. All of these outlive it.
  Outbox(storage::Storage& storage, notification::Notifier* notifier,
         NotificationMetrics& metrics, const Clock& clock);
  Outbox(const Outbox&) = delete;
  Outbox& operator=(const Outbox&) = delete;

  // Ends as Stop does.
  ~Outbox();

  bool enabled() const { return notifier_ != nullptr; }

  // Takes just committed notifications, which nobody else claims before `lease_end`.
  // Those that find 10,000 in memory already are left for later in storage.
  void Add(std::vector<storage::Notification> notifications, absl::Time lease_end);

  // Starts nothing new, waits for what is on its way, and records how it went. What has
  // not been tried is claimed by the next process after its lease.
  void Stop();

 private:
  struct Entry {
    storage::Notification notification;
    absl::Time lease_end;
  };

  void Work();
  // How long the worker may sleep while it has no work.
  absl::Duration Patience() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  // Each with the lock held, giving it up while it calls storage or notif.
  void RecordOutcomes() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ClaimDue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void StartCalls() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // The next one to try, or null.
  std::unique_ptr<Entry> NextEntry() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Start(std::unique_ptr<Entry> entry) ABSL_LOCKS_EXCLUDED(mutex_);
  void Finished(std::unique_ptr<Entry> entry, const absl::Status& status)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void AddOutcome(storage::Notification notification, const absl::Status& status)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  size_t unrecorded() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return finished_.size() + failed_.size();
  }
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_);
  absl::Duration Backoff(int attempts) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  storage::Storage& storage_;
  notification::Notifier* const notifier_;
  NotificationMetrics& metrics_;
  const Clock& clock_;

  absl::Mutex mutex_;
  std::deque<Entry> waiting_ ABSL_GUARDED_BY(mutex_);
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<storage::NotificationKey> finished_ ABSL_GUARDED_BY(mutex_);
  std::vector<storage::NotificationRetry> failed_ ABSL_GUARDED_BY(mutex_);
  // When storage may hold something due that is not in memory.
  absl::Time next_claim_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::BitGen random_ ABSL_GUARDED_BY(mutex_);
  std::thread worker_;  // last: uses all of the above
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_OUTBOX_H_
