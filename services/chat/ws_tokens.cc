#include "services/chat/ws_tokens.h"

#include <openssl/rand.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/escaping.h"
#include "glog/logging.h"
#include "services/base/protocol.h"
#include "services/base/sha256.h"

namespace chatter::chat {
namespace {

constexpr size_t kWaiting = 10'000;
constexpr absl::Duration kSweepInterval = absl::Minutes(1);
constexpr int kSweepLimit = 10'000;

absl::Status TooManyWait() {
  return absl::ResourceExhaustedError("Too many tokens wait; try again soon");
}

std::string RandomToken() {
  std::array<unsigned char, kWsTokenBytes> bytes;
  // OpenSSL's generator fails only when the system has no entropy source at all.
  CHECK_EQ(RAND_bytes(bytes.data(), bytes.size()), 1);
  return absl::WebSafeBase64Escape(
      absl::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

}  // namespace

WsTokens::WsTokens(storage::Storage& storage, ChatMetrics& metrics, const Clock& clock)
    : storage_(storage),
      metrics_(metrics),
      clock_(clock),
      next_sweep_(clock.Now()),
      issue_({kWaiting, kWaiting},
             [this](std::vector<PendingIssue>& batch) { IssueAll(batch); }),
      redeem_({kWaiting, kWaiting},
              [this](std::vector<PendingRedeem>& batch) { RedeemAll(batch); }) {}

void WsTokens::Issue(const storage::User& user, Issued done) {
  PendingIssue pending{user.id, std::move(done)};
  if (!issue_.Submit(pending, 1)) pending.done(TooManyWait());
}

void WsTokens::Redeem(std::string_view token, Redeemed done) {
  if (token.size() != kWsTokenCharacters) {
    metrics_.ws_tokens_refused.Add();
    done(std::nullopt);
    return;
  }
  PendingRedeem pending{Sha256(token), std::move(done)};
  if (!redeem_.Submit(pending, 1)) pending.done(TooManyWait());
}

void WsTokens::Drain() {
  issue_.Drain();
  redeem_.Drain();
}

void WsTokens::IssueAll(std::vector<PendingIssue>& batch) {
  const absl::Time now = clock_.Now();
  const absl::Time expires = now + kWsTokenLifetime;
  std::vector<storage::Token> tokens;
  std::vector<std::string> secrets;
  tokens.reserve(batch.size());
  secrets.reserve(batch.size());
  for (const PendingIssue& pending : batch) {
    secrets.push_back(RandomToken());
    tokens.push_back({Sha256(secrets.back()), pending.user_id, expires});
  }
  const absl::Status status = storage_.PutTokens(tokens);
  for (size_t i = 0; i < batch.size(); ++i) {
    if (status.ok()) {
      metrics_.ws_tokens_issued.Add();
      batch[i].done(IssuedToken{std::move(secrets[i]), expires});
    } else {
      batch[i].done(status);
    }
  }
  SweepExpired(now);
}

void WsTokens::RedeemAll(std::vector<PendingRedeem>& batch) {
  std::vector<storage::TokenHash> hashes;
  hashes.reserve(batch.size());
  for (const PendingRedeem& pending : batch) hashes.push_back(pending.hash);
  absl::StatusOr<std::vector<std::optional<storage::User>>> users =
      storage_.RedeemTokens(hashes, clock_.Now());
  if (!users.ok()) LOG(WARNING) << "could not redeem tokens: " << users.status();
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!users.ok()) {
      batch[i].done(users.status());
    } else {
      ((*users)[i].has_value() ? metrics_.ws_tokens_redeemed : metrics_.ws_tokens_refused)
          .Add();
      batch[i].done(std::move((*users)[i]));
    }
  }
}

// Tokens that nobody redeems are deleted when new ones are issued, so that the table
// never holds more than the issues of a few minutes.
void WsTokens::SweepExpired(absl::Time now) {
  if (now < next_sweep_) return;
  const absl::StatusOr<int> deleted = storage_.DeleteExpiredTokens(now, kSweepLimit);
  if (!deleted.ok()) {
    LOG(WARNING) << "could not delete expired tokens: " << deleted.status();
  }
  const bool more = deleted.ok() && *deleted == kSweepLimit;
  next_sweep_ = more ? now : now + kSweepInterval;
}

}  // namespace chatter::chat
