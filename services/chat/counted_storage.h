#ifndef CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_
#define CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/chat/chat_metrics.h"
#include "storage/storage.h"

namespace chatter::chat {

// Counts the calls that fail, whoever makes them. Thread-safe.
class CountedStorage : public storage::Storage {
 public:
  CountedStorage(std::unique_ptr<storage::Storage> storage, StorageErrorMetrics& errors)
      : storage_(std::move(storage)), errors_(errors) {}

  // From now on, once the storage has been away for one call, it is for all: a service
  // that stops would otherwise wait for its patience with each of those that wait.
  void BeginStop() { stopping_ = true; }

  const std::string& epoch() const override { return storage_->epoch(); }
  absl::Status Ping() override { return Call(&Storage::Ping); }
  absl::StatusOr<storage::User> CreateUser(const storage::Account& account) override {
    return Call(&Storage::CreateUser, account);
  }
  absl::StatusOr<std::vector<storage::User>> EnsureUsers(
      absl::Span<const storage::Account> accounts) override {
    return Call(&Storage::EnsureUsers, accounts);
  }
  absl::StatusOr<std::vector<std::optional<storage::User>>> FindUsers(
      absl::Span<const std::string> names) override {
    return Call(&Storage::FindUsers, names);
  }
  absl::StatusOr<std::vector<storage::User>> ListGroup(std::string_view group,
                                                       std::string_view after,
                                                       int limit) override {
    return Call(&Storage::ListGroup, group, after, limit);
  }
  absl::Status PutTokens(absl::Span<const storage::Token> tokens) override {
    return Call(&Storage::PutTokens, tokens);
  }
  absl::StatusOr<std::vector<std::optional<storage::User>>> RedeemTokens(
      absl::Span<const storage::TokenHash> hashes, absl::Time now) override {
    return Call(&Storage::RedeemTokens, hashes, now);
  }
  absl::StatusOr<int> DeleteExpiredTokens(absl::Time now, int limit) override {
    return Call(&Storage::DeleteExpiredTokens, now, limit);
  }
  absl::StatusOr<std::vector<storage::Appended>> Append(
      absl::Span<const storage::NewMessage> messages) override {
    return Call(&Storage::Append, messages);
  }
  absl::StatusOr<std::vector<storage::Message>> ReadHistory(
      const storage::HistoryQuery& query) override {
    return Call(&Storage::ReadHistory, query);
  }
  absl::StatusOr<std::vector<storage::Notification>> ClaimNotifications(
      absl::Time now, absl::Duration lease, int limit) override {
    return Call(&Storage::ClaimNotifications, now, lease, limit);
  }
  absl::Status RemoveNotifications(
      absl::Span<const storage::NotificationKey> keys) override {
    return Call(&Storage::RemoveNotifications, keys);
  }
  absl::Status RetryNotifications(
      absl::Span<const storage::NotificationRetry> retries) override {
    return Call(&Storage::RetryNotifications, retries);
  }
  absl::StatusOr<storage::OutboxState> InspectOutbox(int64_t limit) override {
    return Call(&Storage::InspectOutbox, limit);
  }

 private:
  template <typename Result, typename... Parameters, typename... Arguments>
  Result Call(Result (Storage::*method)(Parameters...), const Arguments&... arguments) {
    if (is_away_)
      return absl::UnavailableError("the storage is away, and the service stops");
    Result result = (storage_.get()->*method)(arguments...);
    const absl::Status& status = StatusOf(result);
    errors_.Add(status);
    if (stopping_ && absl::IsUnavailable(status)) is_away_ = true;
    return result;
  }
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }

  const std::unique_ptr<storage::Storage> storage_;
  StorageErrorMetrics& errors_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> is_away_{false};  // for good
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_
