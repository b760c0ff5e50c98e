#include "storage/testing/temp_storage.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/open.h"

namespace chatter::storage {

TempStorage::TempStorage() : folder_(::testing::TempDir() + "/storage-XXXXXX") {
  PCHECK(mkdtemp(folder_.data()) != nullptr);
  auto real = Open(absl::StrCat("sqlite:", folder_, "/chatter.db"));
  CHECK(real.ok()) << real.status();
  real_ = *std::move(real);
}

TempStorage::~TempStorage() {
  real_.reset();
  std::filesystem::remove_all(folder_);
}

std::string TempStorage::Bytes() const {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    std::ifstream file(entry.path(), std::ios::binary);
    bytes.append(std::istreambuf_iterator<char>(file), {});
  }
  return bytes;
}

absl::Status TempStorage::Ping() { return Call(&Storage::Ping); }

absl::StatusOr<User> TempStorage::CreateUser(const Account& account) {
  return Call(&Storage::CreateUser, account);
}

absl::StatusOr<std::vector<User>> TempStorage::EnsureUsers(
    absl::Span<const Account> accounts) {
  return Call(&Storage::EnsureUsers, accounts);
}

absl::StatusOr<std::vector<std::optional<User>>> TempStorage::FindUsers(
    absl::Span<const std::string> names) {
  return Call(&Storage::FindUsers, names);
}

absl::StatusOr<std::vector<User>> TempStorage::ListGroup(std::string_view group,
                                                         std::string_view after,
                                                         int limit) {
  return Call(&Storage::ListGroup, group, after, limit);
}

absl::Status TempStorage::PutTokens(absl::Span<const Token> tokens) {
  return Call(&Storage::PutTokens, tokens);
}

absl::StatusOr<std::vector<std::optional<User>>> TempStorage::RedeemTokens(
    absl::Span<const TokenHash> hashes, absl::Time now) {
  return Call(&Storage::RedeemTokens, hashes, now);
}

absl::StatusOr<int> TempStorage::DeleteExpiredTokens(absl::Time now, int limit) {
  return Call(&Storage::DeleteExpiredTokens, now, limit);
}

absl::StatusOr<std::vector<Appended>> TempStorage::Append(
    absl::Span<const NewMessage> messages) {
  return Call(&Storage::Append, messages);
}

absl::StatusOr<std::vector<Message>> TempStorage::ReadHistory(const HistoryQuery& query) {
  return Call(&Storage::ReadHistory, query);
}

absl::StatusOr<std::vector<Notification>> TempStorage::ClaimNotifications(
    absl::Time now, absl::Duration lease, int limit) {
  return Call(&Storage::ClaimNotifications, now, lease, limit);
}

absl::Status TempStorage::RemoveNotifications(absl::Span<const NotificationKey> keys) {
  return Call(&Storage::RemoveNotifications, keys);
}

absl::Status TempStorage::RetryNotifications(
    absl::Span<const NotificationRetry> retries) {
  return Call(&Storage::RetryNotifications, retries);
}

absl::StatusOr<OutboxState> TempStorage::InspectOutbox(int64_t limit) {
  return Call(&Storage::InspectOutbox, limit);
}

}  // namespace chatter::storage
