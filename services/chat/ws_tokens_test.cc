#include "services/chat/ws_tokens.h"

#include <future>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/sha256.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

constexpr int kMostWaiting = 10'000;

class WsTokensTest : public testing::Test {
 protected:
  WsTokensTest() : alice_(storage_.EnsureUsers({{"alice", "g"}})->front()) {}

  absl::StatusOr<IssuedToken> Issue() {
    std::promise<absl::StatusOr<IssuedToken>> answer;
    tokens_.Issue(alice_, [&](absl::StatusOr<IssuedToken> issued) {
      answer.set_value(std::move(issued));
    });
    return answer.get_future().get();
  }
  using Redeemed = absl::StatusOr<std::optional<storage::User>>;

  Redeemed Redeem(std::string_view token) {
    std::promise<Redeemed> answer;
    tokens_.Redeem(token, [&](Redeemed user) { answer.set_value(std::move(user)); });
    return answer.get_future().get();
  }
  bool IsGood(std::string_view token) {
    const Redeemed user = Redeem(token);
    EXPECT_TRUE(user.ok()) << user.status();
    return user.ok() && user->has_value();
  }

  // How many storage calls the issue of one token takes, its sweep included.
  int CallsOfAnIssue() {
    const int before = storage_.calls();
    EXPECT_TRUE(Issue().ok());
    tokens_.Drain();
    return storage_.calls() - before;
  }

  storage::TempStorage storage_;
  FakeClock clock_;
  const storage::User alice_;
  ChatMetrics metrics_;
  WsTokens tokens_{storage_, metrics_, clock_};
};

TEST_F(WsTokensTest, ATokenIsGoodOnceForItsUser) {
  const absl::StatusOr<IssuedToken> issued = Issue();
  ASSERT_TRUE(issued.ok()) << issued.status();
  const Redeemed user = Redeem(issued->token);
  ASSERT_TRUE(user.ok() && user->has_value()) << user.status();
  EXPECT_EQ((*user)->id, alice_.id);
  EXPECT_EQ((*user)->name, "alice");
  EXPECT_EQ((*user)->group, "g");
  EXPECT_FALSE(IsGood(issued->token));
}

TEST_F(WsTokensTest, ATokenExpiresAfterExactlyFiveMinutes) {
  const auto in_time = Issue();
  const auto late = Issue();
  ASSERT_TRUE(in_time.ok() && late.ok());
  EXPECT_EQ(late->expires, clock_.Now() + absl::Minutes(5));
  clock_.Advance(absl::Minutes(5) - absl::Microseconds(1));
  EXPECT_TRUE(IsGood(in_time->token));
  clock_.Advance(absl::Microseconds(1));
  EXPECT_FALSE(IsGood(late->token));
}

TEST_F(WsTokensTest, EveryTokenHasThirtyTwoBytesOfItsOwn) {
  std::set<std::string> all;
  for (int i = 0; i < 20; ++i) {
    const auto issued = Issue();
    ASSERT_TRUE(issued.ok()) << issued.status();
    std::string bytes;
    EXPECT_EQ(issued->token.size(), 43u);
    EXPECT_TRUE(absl::WebSafeBase64Unescape(issued->token, &bytes));
    EXPECT_EQ(bytes.size(), 32u);
    all.insert(bytes);
  }
  EXPECT_EQ(all.size(), 20u);
}

TEST_F(WsTokensTest, OnlyTheHashOfATokenIsStored) {
  const auto issued = Issue();
  ASSERT_TRUE(issued.ok()) << issued.status();
  std::string bytes;
  ASSERT_TRUE(absl::WebSafeBase64Unescape(issued->token, &bytes));
  const Sha256Hash hash = Sha256(issued->token);
  const std::string stored = storage_.Bytes();
  EXPECT_NE(stored.find(std::string(hash.begin(), hash.end())), std::string::npos);
  EXPECT_EQ(stored.find(issued->token), std::string::npos);
  EXPECT_EQ(stored.find(bytes), std::string::npos);
}

TEST_F(WsTokensTest, WhatCannotBeATokenNeverReachesStorage) {
  const int calls = storage_.calls();
  for (const size_t size : {0, 1, 42, 44, 86, 1 << 20}) {
    EXPECT_FALSE(IsGood(std::string(size, 'a'))) << size;
  }
  EXPECT_EQ(storage_.calls(), calls);
  EXPECT_FALSE(IsGood(std::string(43, '\0')));
  EXPECT_EQ(storage_.calls(), calls + 1);
}

TEST_F(WsTokensTest, AFailureOfStorageIsSaidAndUsesNoTokenUp) {
  const auto issued = Issue();
  ASSERT_TRUE(issued.ok()) << issued.status();
  storage_.SetAway(true);
  EXPECT_TRUE(absl::IsUnavailable(Issue().status()));
  EXPECT_TRUE(absl::IsUnavailable(Redeem(issued->token).status()));
  storage_.SetAway(false);
  EXPECT_TRUE(IsGood(issued->token));
  EXPECT_TRUE(Issue().ok());
}

TEST_F(WsTokensTest, RefusesToIssueWhenTenThousandWait) {
  absl::Notification started, go_on;
  tokens_.Issue(alice_, [&](const auto&) {
    started.Notify();
    go_on.WaitForNotification();
  });
  started.WaitForNotification();
  absl::BlockingCounter issued(kMostWaiting);
  for (int i = 0; i < kMostWaiting; ++i) {
    tokens_.Issue(alice_, [&](const absl::StatusOr<IssuedToken>& token) {
      EXPECT_TRUE(token.ok()) << token.status();
      issued.DecrementCount();
    });
  }
  absl::Status refused;
  tokens_.Issue(alice_, [&](const auto& token) { refused = token.status(); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  go_on.Notify();
  issued.Wait();
  EXPECT_TRUE(Issue().ok());
}

TEST_F(WsTokensTest, RefusesToRedeemWhenTenThousandWait) {
  const std::string unknown(43, 'a');
  absl::Notification started, go_on;
  tokens_.Redeem(unknown, [&](const auto&) {
    started.Notify();
    go_on.WaitForNotification();
  });
  started.WaitForNotification();
  absl::BlockingCounter redeemed(kMostWaiting);
  for (int i = 0; i < kMostWaiting; ++i) {
    tokens_.Redeem(unknown, [&](const Redeemed& user) {
      EXPECT_TRUE(user.ok()) << user.status();
      redeemed.DecrementCount();
    });
  }
  absl::Status refused;
  tokens_.Redeem(unknown, [&](const auto& user) { refused = user.status(); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  go_on.Notify();
  redeemed.Wait();
  EXPECT_FALSE(IsGood(unknown));
}

TEST_F(WsTokensTest, ExpiredTokensAreSweptWhenOthersAreIssued) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(Issue().ok());
  clock_.Advance(absl::Minutes(5));
  ASSERT_TRUE(Issue().ok());
  tokens_.Drain();
  EXPECT_EQ(*storage_.DeleteExpiredTokens(clock_.Now() + absl::Hours(1), 100), 1);
}

TEST_F(WsTokensTest, SweepsOnceAMinuteOrAsLongAsThereIsMore) {
  EXPECT_EQ(CallsOfAnIssue(), 2);
  EXPECT_EQ(CallsOfAnIssue(), 1);
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(CallsOfAnIssue(), 2);
  EXPECT_EQ(CallsOfAnIssue(), 1);

  std::vector<storage::Token> expired;
  for (int i = 0; i < 10'001; ++i) {
    expired.push_back({Sha256(std::to_string(i)), alice_.id, clock_.Now()});
  }
  ASSERT_TRUE(storage_.PutTokens(expired).ok());
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(CallsOfAnIssue(), 2);
  EXPECT_EQ(CallsOfAnIssue(), 2);
  EXPECT_EQ(CallsOfAnIssue(), 1);
  EXPECT_EQ(*storage_.DeleteExpiredTokens(clock_.Now(), 100), 0);
}

}  // namespace
}  // namespace chatter::chat
