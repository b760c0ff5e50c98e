// Which users there are, and how those of the identity provider become ours.
#ifndef CHATTER_SERVICES_CHAT_USER_DIRECTORY_H_
#define CHATTER_SERVICES_CHAT_USER_DIRECTORY_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "services/base/absl_view.h"
#include "services/base/lru_cache.h"
#include "services/chat/batch_worker.h"
#include "services/chat/blocking_pool.h"
#include "services/chat/session.h"
#include "services/chat/session_registry.h"
#include "services/chat/user.h"
#include "storage/storage.h"

namespace chatter::chat {

// Remembers the users seen last: names are never given up, so what it knows stays true,
// but for the group, which only an authenticated request brings up to date. Thread-safe.
class UserDirectory {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<UserRef>)>;

  UserDirectory(storage::Storage& storage, SessionRegistry& sessions, BlockingPool& pool);

  // The user that the identity provider vouches for: created when new, its group changed
  // when it is another one now. `done` runs on any thread, maybe before this returns.
  // kUnavailable, kResourceExhausted.
  void Ensure(storage::Account account, Done done);

  // An existing user. As above, and kNotFound.
  void Find(std::string name, Done done);

  // For users read from the storage by others: the known one, when it is the same, so
  // that there is one in memory for all sessions of a user.
  UserRef Share(storage::User user) ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether there is such a user, for each name. Blocks.
  absl::StatusOr<std::vector<bool>> Exist(absl::Span<const std::string_view> names);

 private:
  struct NameOf {
    absl::string_view operator()(const UserRef& user) const { return user->name; }
    absl::string_view operator()(std::string_view name) const { return AbslView(name); }
  };
  struct PendingAccount {
    storage::Account account;
    Done done;
  };

  void EnsureAll(std::vector<PendingAccount>& batch);
  absl::StatusOr<std::vector<storage::User>> StoredUsers(
      absl::Span<const storage::Account> accounts);
  absl::StatusOr<UserRef> FindBlocking(const std::string& name);
  UserRef Known(std::string_view name) ABSL_LOCKS_EXCLUDED(mutex_);
  UserRef Remember(storage::User user) ABSL_LOCKS_EXCLUDED(mutex_);

  storage::Storage& storage_;
  SessionRegistry& sessions_;
  BlockingPool& pool_;
  absl::Mutex mutex_;
  LruCache<UserRef, NameOf> known_ ABSL_GUARDED_BY(mutex_);
  BatchWorker<PendingAccount> ensure_;  // last: uses the above
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_USER_DIRECTORY_H_
