#ifndef CHATTER_TOOLS_STANDINS_ACCOUNTS_H_
#define CHATTER_TOOLS_STANDINS_ACCOUNTS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace chatter::standins {

struct Account {
  std::string username;
  std::string name;
  std::string user_group;
  std::string password_hash;  // Empty: nobody can log in.
};

// uacl's accounts, in memory and in one file. Thread-safe.
class Accounts {
 public:
  // `path` empty: in memory only. DATA_LOSS when the file is not what Save() writes.
  explicit Accounts(std::string path) : path_(std::move(path)) {}
  absl::Status Load();

  // On disk when it returns OK. INVALID_ARGUMENT with the rule that is broken,
  // ALREADY_EXISTS, RESOURCE_EXHAUSTED at 100,000 accounts.
  absl::StatusOr<Account> Create(absl::string_view username, absl::string_view password,
                                 absl::string_view name, absl::string_view user_group);

  // Without the rules, without a password, and without saving; replaces what is there.
  Account Put(absl::string_view username, absl::string_view user_group);
  absl::Status Save() const;

  std::optional<Account> Find(absl::string_view username) const;

  // The account, when the password is right. Takes the same time when there is none.
  std::optional<Account> Check(absl::string_view username,
                               absl::string_view password) const;

 private:
  absl::Status SaveLocked() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string path_;
  mutable absl::Mutex mutex_;
  std::map<std::string, Account, std::less<>> accounts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_ACCOUNTS_H_
