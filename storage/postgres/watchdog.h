#ifndef CHATTER_STORAGE_POSTGRES_WATCHDOG_H_
#define CHATTER_STORAGE_POSTGRES_WATCHDOG_H_

#include <atomic>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace chatter::storage::postgres {

// Ends calls that block on a socket for too long, with one thread for all of them.
// Thread-safe.
class Watchdog {
 public:
  // A call on a socket, from its construction to its destruction. Past the deadline the
  // socket is shut down, for good, so that the call returns as if the peer had gone. The
  // descriptor must stay open so long: its number must not become another file's.
  class Call {
   public:
    Call(Watchdog& watchdog, int socket, absl::Time deadline)
        ABSL_LOCKS_EXCLUDED(watchdog.mutex_);
    ~Call() ABSL_LOCKS_EXCLUDED(watchdog_.mutex_);
    Call(const Call&) = delete;
    Call& operator=(const Call&) = delete;

    // Whether the socket was shut down.
    bool has_expired() const { return expired_; }

   private:
    friend class Watchdog;

    Watchdog& watchdog_;
    const int socket_;
    const absl::Time deadline_;
    std::atomic<bool> expired_{false};
  };

  Watchdog();
  // No call may be left.
  ~Watchdog();

 private:
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns when the next call expires, of those that are there.
  absl::Time EndExpired(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  absl::CondVar changed_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<Call*> calls_ ABSL_GUARDED_BY(mutex_);
  // When the thread looks next. Only a call that expires earlier wakes it, so it is left
  // alone when calls come and go quickly.
  absl::Time looks_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::thread thread_;  // last: uses all of the above
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_WATCHDOG_H_
