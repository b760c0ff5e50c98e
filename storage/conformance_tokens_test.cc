#include <atomic>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

using ::testing::SizeIs;

TokenHash HashOf(uint8_t byte) {
  TokenHash hash;
  hash.fill(byte);
  return hash;
}

TEST_P(ConformanceTest, ATokenIsRedeemedOnce) {
  AddAliceAndBob();
  ASSERT_TRUE(
      storage_
          ->PutTokens(std::vector<Token>{{HashOf(1), alice_, kStart + absl::Minutes(5)},
                                         {HashOf(2), bob_, kStart + absl::Minutes(5)}})
          .ok());
  const auto redeemed = storage_->RedeemTokens(
      std::vector<TokenHash>{HashOf(2), HashOf(3), HashOf(2)}, kStart);
  ASSERT_TRUE(redeemed.ok()) << redeemed.status();
  ASSERT_THAT(*redeemed, SizeIs(3));
  ASSERT_TRUE((*redeemed)[0].has_value());
  EXPECT_EQ((*redeemed)[0]->name, "bob");
  EXPECT_EQ((*redeemed)[0]->id, bob_);
  EXPECT_EQ((*redeemed)[0]->group, "g");
  EXPECT_FALSE((*redeemed)[1].has_value());
  EXPECT_FALSE((*redeemed)[2].has_value());
  EXPECT_FALSE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(2)}, kStart))[0]
                   .has_value());
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(1)}, kStart))[0]
                  .has_value());
}

TEST_P(ConformanceTest, ATokenExpiresAtItsTime) {
  AddAliceAndBob();
  const absl::Time expires = kStart + absl::Minutes(5);
  ASSERT_TRUE(storage_
                  ->PutTokens(std::vector<Token>{{HashOf(1), alice_, expires},
                                                 {HashOf(2), alice_, expires}})
                  .ok());
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(1)},
                                       expires - absl::Microseconds(1)))[0]
                  .has_value());
  EXPECT_FALSE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(2)}, expires))[0]
                   .has_value());
}

TEST_P(ConformanceTest, DeletesExpiredTokensUpToALimit) {
  AddAliceAndBob();
  std::vector<Token> tokens;
  for (uint8_t i = 0; i < 5; ++i) {
    tokens.push_back({HashOf(i), alice_, kStart + absl::Seconds(i)});
  }
  ASSERT_TRUE(storage_->PutTokens(tokens).ok());
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 3);
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 1);
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 0);
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(4)}, kStart))[0]
                  .has_value());
}

TEST_P(ConformanceTest, ATokenGoesToOneOfManyWhoAsk) {
  AddAliceAndBob();
  std::vector<Token> tokens;
  std::vector<TokenHash> hashes;
  for (uint8_t i = 0; i < 50; ++i) {
    hashes.push_back(HashOf(i));
    tokens.push_back({HashOf(i), alice_, kStart + absl::Minutes(5)});
  }
  ASSERT_TRUE(storage_->PutTokens(tokens).ok());
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < hashes.size(); ++i) {
        const size_t which = (i + static_cast<size_t>(t) * 11) % hashes.size();
        const auto redeemed =
            storage_->RedeemTokens(std::vector<TokenHash>{hashes[which]}, kStart);
        ASSERT_TRUE(redeemed.ok()) << redeemed.status();
        if ((*redeemed)[0].has_value()) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 50);
}

}  // namespace
}  // namespace chatter::storage
