#ifndef CHATTER_SERVICES_CHAT_STORAGE_CHECK_H_
#define CHATTER_SERVICES_CHAT_STORAGE_CHECK_H_

#include <optional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/base/clock.h"
#include "storage/storage.h"

namespace chatter::chat {

// Whether the storage answers, and how much waits in its outbox, for the operator. Asks
// only when it is asked, and every 5 s at most. Thread-safe.
class StorageCheck {
 public:
  StorageCheck(storage::Storage& storage, const Clock& clock);
  StorageCheck(const StorageCheck&) = delete;
  StorageCheck& operator=(const StorageCheck&) = delete;
  // Waits for the storage's answer, if it has been asked.
  ~StorageCheck();

  // Waits for a second at most. kUnavailable when the storage does not answer by then;
  // the storage's own errors. Counts up to 100,000.
  absl::StatusOr<storage::OutboxState> Look() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);

  storage::Storage& storage_;
  const Clock& clock_;
  absl::Mutex mutex_;
  bool wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<storage::OutboxState> answer_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Duration> answered_at_ ABSL_GUARDED_BY(mutex_);  // uptime
  std::thread thread_;  // last: uses the above
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_STORAGE_CHECK_H_
