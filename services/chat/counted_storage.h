#ifndef CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_
#define CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/chat/chat_metrics.h"
#include "storage/storage.h"

namespace chatter::chat {

// Counts the calls that fail, whoever makes them.
class CountedStorage : public storage::Storage {
 public:
  CountedStorage(std::unique_ptr<storage::Storage> storage, StorageErrorMetrics& errors)
      : storage_(std::move(storage)), errors_(errors) {}

  const std::string& epoch() const override { return storage_->epoch(); }
  absl::Status Ping() override { return Count(storage_->Ping()); }
  absl::StatusOr<storage::User> CreateUser(const storage::Account& account) override {
    return Count(storage_->CreateUser(account));
  }
  absl::StatusOr<std::vector<storage::User>> EnsureUsers(
      absl::Span<const storage::Account> accounts) override {
    return Count(storage_->EnsureUsers(accounts));
  }
  absl::StatusOr<std::vector<std::optional<storage::User>>> FindUsers(
      absl::Span<const std::string> names) override {
    return Count(storage_->FindUsers(names));
  }
  absl::StatusOr<std::vector<storage::User>> ListGroup(std::string_view group,
                                                       std::string_view after,
                                                       int limit) override {
    return Count(storage_->ListGroup(group, after, limit));
  }
  absl::Status PutTokens(absl::Span<const storage::Token> tokens) override {
    return Count(storage_->PutTokens(tokens));
  }
  absl::StatusOr<std::vector<std::optional<storage::User>>> RedeemTokens(
      absl::Span<const storage::TokenHash> hashes, absl::Time now) override {
    return Count(storage_->RedeemTokens(hashes, now));
  }
  absl::StatusOr<int> DeleteExpiredTokens(absl::Time now, int limit) override {
    return Count(storage_->DeleteExpiredTokens(now, limit));
  }
  absl::StatusOr<std::vector<storage::Appended>> Append(
      absl::Span<const storage::NewMessage> messages) override {
    return Count(storage_->Append(messages));
  }
  absl::StatusOr<std::vector<storage::Message>> ReadHistory(
      const storage::HistoryQuery& query) override {
    return Count(storage_->ReadHistory(query));
  }
  absl::StatusOr<std::vector<storage::Notification>> ClaimNotifications(
      absl::Time now, absl::Duration lease, int limit) override {
    return Count(storage_->ClaimNotifications(now, lease, limit));
  }
  absl::Status RemoveNotifications(
      absl::Span<const storage::NotificationKey> keys) override {
    return Count(storage_->RemoveNotifications(keys));
  }
  absl::Status RetryNotifications(
      absl::Span<const storage::NotificationRetry> retries) override {
    return Count(storage_->RetryNotifications(retries));
  }
  absl::StatusOr<storage::OutboxState> InspectOutbox(int64_t limit) override {
    return Count(storage_->InspectOutbox(limit));
  }

 private:
  absl::Status Count(absl::Status status) {
    errors_.Add(status);
    return status;
  }
  template <typename T>
  absl::StatusOr<T> Count(absl::StatusOr<T> result) {
    if (!result.ok()) errors_.Add(result.status());
    return result;
  }

  const std::unique_ptr<storage::Storage> storage_;
  StorageErrorMetrics& errors_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_COUNTED_STORAGE_H_
