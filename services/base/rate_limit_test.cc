#include "services/base/rate_limit.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace chatter {
namespace {

constexpr absl::Duration kStart = absl::Hours(5);

// How many can be taken at once.
int Drain(const RateLimit& rate, RateLimit::FullAt& bucket, absl::Duration now) {
  int taken = 0;
  while (rate.Take(bucket, now) == absl::ZeroDuration()) ++taken;
  return taken;
}

TEST(RateLimitTest, AFullBucketHoldsTheBurstAndFillsAtTheRate) {
  const RateLimit rate(50, 500);
  RateLimit::FullAt bucket = RateLimit::kFull;
  EXPECT_EQ(Drain(rate, bucket, kStart), 500);
  EXPECT_EQ(Drain(rate, bucket, kStart + absl::Milliseconds(19)), 0);
  EXPECT_EQ(Drain(rate, bucket, kStart + absl::Milliseconds(20)), 1);
  EXPECT_EQ(Drain(rate, bucket, kStart + absl::Seconds(1)), 49);
  EXPECT_FALSE(RateLimit::IsFull(bucket, kStart + absl::Seconds(10)));
  EXPECT_TRUE(RateLimit::IsFull(bucket, kStart + absl::Seconds(11)));
  // It never holds more than that.
  EXPECT_EQ(Drain(rate, bucket, kStart + absl::Hours(1)), 500);
}

TEST(RateLimitTest, AnEmptyBucketSaysHowLongToWait) {
  const RateLimit rate(10, 2);
  RateLimit::FullAt bucket = RateLimit::kFull;
  EXPECT_EQ(Drain(rate, bucket, kStart), 2);
  EXPECT_EQ(rate.Take(bucket, kStart), absl::Milliseconds(100));
  const absl::Duration later = kStart + absl::Milliseconds(30);
  const absl::Duration wait = rate.Take(bucket, later);
  EXPECT_EQ(wait, absl::Milliseconds(70));
  EXPECT_EQ(rate.Take(bucket, later + wait), absl::ZeroDuration());
}

TEST(RateLimitTest, ZeroIsNoLimit) {
  EXPECT_FALSE(RateLimit(0, 0).is_on());
  EXPECT_TRUE(RateLimit(1, 1).is_on());
}

TEST(RateLimitTest, ThreadsTakeNoMoreThanThereIs) {
  const RateLimit rate(1, 10'000);
  std::atomic<RateLimit::FullAt> bucket{RateLimit::kFull};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 4000; ++j) {
        if (rate.Take(bucket, kStart) == absl::ZeroDuration()) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 10'000);
}

}  // namespace
}  // namespace chatter
