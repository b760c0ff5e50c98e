#include "edge/limits/handshake_rate.h"

#include <cstdint>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

constexpr absl::Duration kStart = absl::Hours(5);

TEST(HandshakeRateTest, EachAddressHasASecondsWorthAtOnce) {
  HandshakeRate rate(3);
  const ClientAddress alice{1}, bob{2};
  for (int i = 0; i < 3; ++i) EXPECT_EQ(rate.Take(alice, kStart), absl::ZeroDuration());
  EXPECT_GT(rate.Take(alice, kStart), absl::Milliseconds(300));
  EXPECT_EQ(rate.Take(bob, kStart), absl::ZeroDuration());
  const absl::Duration later = kStart + absl::Milliseconds(334);
  EXPECT_EQ(rate.Take(alice, later), absl::ZeroDuration());
  EXPECT_GT(rate.Take(alice, later), absl::ZeroDuration());
}

TEST(HandshakeRateTest, ZeroIsNoLimit) {
  HandshakeRate rate(0);
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_EQ(rate.Take(ClientAddress{1}, kStart), absl::ZeroDuration());
  }
  EXPECT_EQ(rate.size(), 0u);
}

TEST(HandshakeRateTest, ForgetsThoseWhoseBucketIsFull) {
  HandshakeRate rate(100);
  // A new address each millisecond: ten buckets at most are not full.
  for (uint64_t i = 0; i < 1'000'000; ++i) {
    rate.Take(ClientAddress{i}, kStart + i * absl::Milliseconds(1));
    if (i % 1000 != 0) continue;
    ASSERT_LE(rate.size(), 16u * 64u);
  }
}

TEST(HandshakeRateTest, AFloodOfAddressesFindsABoundAndNobodyIsShutOut) {
  HandshakeRate rate(1);
  const ClientAddress early{~uint64_t{0} - 7};
  EXPECT_EQ(rate.Take(early, kStart), absl::ZeroDuration());
  for (uint64_t i = 0; i < 4 * HandshakeRate::kMaxAddresses; ++i) {
    ASSERT_EQ(rate.Take(ClientAddress{i}, kStart), absl::ZeroDuration());
    if (i % 10'000 != 0) continue;
    ASSERT_LE(rate.size(), HandshakeRate::kMaxAddresses);
  }
  EXPECT_EQ(rate.size(), HandshakeRate::kMaxAddresses);
  // Those who found room are still counted.
  EXPECT_GT(rate.Take(early, kStart), absl::ZeroDuration());
  // A second later there is room again.
  const absl::Duration later = kStart + absl::Seconds(2);
  const ClientAddress late{~uint64_t{0} - 8};
  EXPECT_EQ(rate.Take(late, later), absl::ZeroDuration());
  EXPECT_GT(rate.Take(late, later), absl::ZeroDuration());
  EXPECT_LT(rate.size(), HandshakeRate::kMaxAddresses);
}

}  // namespace
}  // namespace chatter::edge
