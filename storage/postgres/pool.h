// A few connections, shared by all that storage does.
#ifndef CHATTER_STORAGE_POSTGRES_POOL_H_
#define CHATTER_STORAGE_POSTGRES_POOL_H_

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "storage/postgres/connection.h"
#include "storage/postgres/watchdog.h"

namespace chatter::storage::postgres {

// Thread-safe.
class Pool {
 public:
  using Work = absl::FunctionRef<absl::Status(Connection&)>;

  // `patience` is how long a call goes on trying while the server is away or busy.
  Pool(PostgresTarget target, int size, absl::Duration patience);

  absl::Duration patience() const { return patience_; }

  // Runs `work` on a connection of its own, a new one when the last broke. Runs it again,
  // after a pause, when the connection broke or the server rolled it back (kAborted), so
  // it must be fit to be repeated although it may have taken effect already. Gives up
  // after the patience: kUnavailable.
  absl::Status Repeat(Work work);

  // The same, but `work` starts a second time only when the first has had no effect for
  // sure: kUnknown when the connection broke while it ran.
  absl::Status Once(Work work);

 private:
  // Empty until it is first needed, and after its connection broke.
  using Slot = std::unique_ptr<Connection>;

  absl::Status Run(Work work, bool repeat_when_broken);
  absl::StatusOr<Slot> Take(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack(Slot slot) ABSL_LOCKS_EXCLUDED(mutex_);

  const PostgresTarget target_;
  const absl::Duration patience_;
  Watchdog watchdog_;
  absl::Mutex mutex_;
  // The one used last is the next one used.
  std::vector<Slot> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_POOL_H_
