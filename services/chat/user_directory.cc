#include "services/chat/user_directory.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

namespace chatter::chat {
namespace {

constexpr size_t kKnownUsers = 100'000;
constexpr size_t kWaitingAccounts = 10'000;

absl::Status TooManyWait() {
  return absl::ResourceExhaustedError("Too many requests wait; try again soon");
}

}  // namespace

UserDirectory::UserDirectory(storage::Storage& storage, SessionRegistry& sessions,
                             BlockingPool& pool)
    : storage_(storage),
      sessions_(sessions),
      pool_(pool),
      known_(kKnownUsers),
      ensure_({kWaitingAccounts, kWaitingAccounts},
              [this](std::vector<PendingAccount>& batch) { EnsureAll(batch); }) {}

void UserDirectory::Ensure(storage::Account account, Done done) {
  UserRef known = Known(account.name);
  if (known != nullptr && known->group == account.group) {
    done(std::move(known));
    return;
  }
  PendingAccount pending{std::move(account), std::move(done)};
  if (!ensure_.Submit(pending, 1)) pending.done(TooManyWait());
}

void UserDirectory::EnsureAll(std::vector<PendingAccount>& batch) {
  std::vector<storage::Account> accounts;
  accounts.reserve(batch.size());
  for (const PendingAccount& pending : batch) accounts.push_back(pending.account);
  absl::StatusOr<std::vector<storage::User>> users = StoredUsers(accounts);
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!users.ok()) {
      batch[i].done(users.status());
      continue;
    }
    UserRef user = Remember(std::move((*users)[i]));
    sessions_.SetGroup(user->name, user->group);
    batch[i].done(std::move(user));
  }
}

// Mostly all are there as they should be, and to read that is cheaper than to write it.
absl::StatusOr<std::vector<storage::User>> UserDirectory::StoredUsers(
    absl::Span<const storage::Account> accounts) {
  std::vector<std::string> names;
  names.reserve(accounts.size());
  for (const storage::Account& account : accounts) names.push_back(account.name);
  absl::StatusOr<std::vector<std::optional<storage::User>>> found =
      storage_.FindUsers(names);
  if (!found.ok()) return found.status();
  std::vector<storage::User> users;
  users.reserve(accounts.size());
  for (size_t i = 0; i < accounts.size(); ++i) {
    std::optional<storage::User>& user = (*found)[i];
    if (!user.has_value() || user->group != accounts[i].group) {
      return storage_.EnsureUsers(accounts);
    }
    users.push_back(*std::move(user));
  }
  return users;
}

void UserDirectory::Find(std::string name, Done done) {
  if (UserRef known = Known(name); known != nullptr) {
    done(std::move(known));
    return;
  }
  struct Lookup {
    UserDirectory* directory;
    std::string name;
    Done done;
    void operator()() { done(directory->FindBlocking(name)); }
  };
  Lookup lookup{this, std::move(name), std::move(done)};
  if (!pool_.TryRun(std::move(lookup))) lookup.done(TooManyWait());
}

absl::StatusOr<UserRef> UserDirectory::FindBlocking(const std::string& name) {
  absl::StatusOr<std::vector<std::optional<storage::User>>> found =
      storage_.FindUsers(absl::MakeConstSpan(&name, 1));
  if (!found.ok()) return found.status();
  if (!found->front().has_value()) {
    return absl::NotFoundError("There is no user with this name");
  }
  return Remember(*std::move(found->front()));
}

UserRef UserDirectory::Share(storage::User user) {
  UserRef known = Known(user.name);
  if (known != nullptr && known->group == user.group) return known;
  return Remember(std::move(user));
}

absl::StatusOr<std::vector<bool>> UserDirectory::Exist(
    absl::Span<const std::string_view> names) {
  std::vector<bool> exist(names.size());
  std::vector<size_t> unknown;
  {
    absl::MutexLock lock(&mutex_);
    for (size_t i = 0; i < names.size(); ++i) {
      exist[i] = known_.Find(names[i]) != nullptr;
      if (!exist[i]) unknown.push_back(i);
    }
  }
  if (unknown.empty()) return exist;

  std::vector<std::string> to_find;
  to_find.reserve(unknown.size());
  for (const size_t i : unknown) to_find.emplace_back(names[i]);
  absl::StatusOr<std::vector<std::optional<storage::User>>> found =
      storage_.FindUsers(to_find);
  if (!found.ok()) return found.status();
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (!(*found)[i].has_value()) continue;
    exist[unknown[i]] = true;
    Remember(*std::move((*found)[i]));
  }
  return exist;
}

UserRef UserDirectory::Known(std::string_view name) {
  absl::MutexLock lock(&mutex_);
  const UserRef* known = known_.Find(name);
  return known != nullptr ? *known : nullptr;
}

UserRef UserDirectory::Remember(storage::User user) {
  absl::MutexLock lock(&mutex_);
  const UserRef* const known = known_.Find(user.name);
  auto ref = known == nullptr ? std::make_shared<const User>(std::move(user))
                              : std::make_shared<const User>(std::move(user), **known);
  known_.Put(ref);
  return ref;
}

}  // namespace chatter::chat
