#ifndef CHATTER_STORAGE_TESTING_TEMP_STORAGE_H_
#define CHATTER_STORAGE_TESTING_TEMP_STORAGE_H_

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "storage/storage.h"

namespace chatter::storage {

// A new SQLite database in a folder of its own, which goes with it. A test can take it
// away.
class TempStorage : public Storage {
 public:
  TempStorage();
  ~TempStorage() override;

  // Until it is back every call fails kUnavailable.
  void SetAway(bool away) { away_ = away; }
  // How many calls there were.
  int calls() const { return calls_; }
  // What the database's files hold, the write-ahead log too.
  std::string Bytes() const;

  const std::string& epoch() const override { return real_->epoch(); }
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
  template <typename Result, typename... Parameters, typename... Arguments>
  Result Call(Result (Storage::*method)(Parameters...), const Arguments&... arguments) {
    ++calls_;
    if (away_) return absl::UnavailableError("the test has taken the storage away");
    return (real_.get()->*method)(arguments...);
  }

  std::string folder_;
  std::unique_ptr<Storage> real_;
  std::atomic<bool> away_{false};
  std::atomic<int> calls_{0};
};

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_TESTING_TEMP_STORAGE_H_
