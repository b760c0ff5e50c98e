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

namespace chatter::storage::postgres {

// How long a call goes on trying while the server is away or busy.
inline constexpr absl::Duration kPatience = absl::Seconds(10);

// Thread-safe.
class Pool {
 public:
  using Work = absl::FunctionRef<absl::Status(Connection&)>;

  Pool(PostgresTarget target, int size);

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
  absl::Mutex mutex_;
  // The one used last is the next one used.
  std::vector<Slot> idle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_POOL_H_
