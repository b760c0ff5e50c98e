// The PostgreSQL engine's class, for its own files.
#ifndef CHATTER_STORAGE_POSTGRES_POSTGRES_ENGINE_H_
#define CHATTER_STORAGE_POSTGRES_POSTGRES_ENGINE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/postgres/numbering.h"
#include "storage/postgres/pool.h"
#include "storage/storage.h"

namespace chatter::storage::postgres {

// Every call is one statement where it can be: one round trip, and a transaction of its
// own.
class PostgresStorage : public Storage {
 public:
  static absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& url,
                                                       absl::Duration patience);

  const std::string& epoch() const override { return epoch_; }
  absl::Status Ping() override;
  absl::StatusOr<User> CreateUser(const Account& account) override;
  absl::StatusOr<std::vector<User>> EnsureUsers(
      absl::Span<const Account> accounts) override;
  absl::StatusOr<std::vector<std::optional<User>>> FindUsers(
      absl::Span<const std::string> names) override;
  absl::StatusOr<std::vector<User>> ListGroup(std::string_view group,
                                              std::string_view after, int limit) override;
  absl::Status PutTokens(absl::Span<const Token> tokens) override;
  absl::StatusOr<std::vector<std::optional<User>>> RedeemTokens(
      absl::Span<const TokenHash> hashes, absl::Time now) override;
  absl::StatusOr<int> DeleteExpiredTokens(absl::Time now, int limit) override;
  absl::StatusOr<std::vector<Appended>> Append(
      absl::Span<const NewMessage> messages) override;
  absl::StatusOr<std::vector<Message>> ReadHistory(const HistoryQuery& query) override;
  absl::StatusOr<std::vector<Notification>> ClaimNotifications(absl::Time now,
                                                               absl::Duration lease,
                                                               int limit) override;
  absl::Status RemoveNotifications(absl::Span<const NotificationKey> keys) override;
  absl::Status RetryNotifications(absl::Span<const NotificationRetry> retries) override;
  absl::StatusOr<OutboxState> InspectOutbox(int64_t limit) override;

 private:
  PostgresStorage(PostgresTarget target, absl::Duration patience);

  Pool pool_;
  std::string epoch_;
  absl::Mutex append_mutex_;
  Numbering numbering_ ABSL_GUARDED_BY(append_mutex_);
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_POSTGRES_ENGINE_H_
