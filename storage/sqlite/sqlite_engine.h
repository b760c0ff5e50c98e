// The SQLite engine's class, for its own files.
#ifndef CHATTER_STORAGE_SQLITE_SQLITE_ENGINE_H_
#define CHATTER_STORAGE_SQLITE_SQLITE_ENGINE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "storage/sqlite/checkpointer.h"
#include "storage/sqlite/connection.h"
#include "storage/sqlite/numbering.h"
#include "storage/storage.h"

namespace chatter::storage::sqlite {

// One connection that writes and a few that read: in WAL mode neither waits for the
// other.
class SqliteStorage : public Storage {
 public:
  static absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& path);

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
  SqliteStorage() = default;

  // Runs `work` in a write transaction, and commits when it returns OK.
  absl::Status Write(absl::FunctionRef<absl::Status(Connection&)> work)
      ABSL_LOCKS_EXCLUDED(writer_mutex_);
  absl::Status WriteNumbered(
      absl::FunctionRef<absl::Status(Connection&, Numbering&)> work)
      ABSL_LOCKS_EXCLUDED(writer_mutex_);
  // Runs `work` on a connection for reading; waits for one when all are in use.
  absl::Status Read(absl::FunctionRef<absl::Status(Connection&)> work)
      ABSL_LOCKS_EXCLUDED(readers_mutex_);

  std::string epoch_;

  absl::Mutex writer_mutex_;
  std::unique_ptr<Connection> writer_ ABSL_GUARDED_BY(writer_mutex_);
  Numbering numbering_ ABSL_GUARDED_BY(writer_mutex_);
  // As it was after our last commit.
  uint32_t data_version_ ABSL_GUARDED_BY(writer_mutex_) = 0;

  absl::Mutex readers_mutex_;
  std::vector<std::unique_ptr<Connection>> idle_readers_ ABSL_GUARDED_BY(readers_mutex_);

  std::unique_ptr<Checkpointer> checkpointer_;  // last: it watches the writer
};

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_SQLITE_ENGINE_H_
