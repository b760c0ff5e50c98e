#include "edge/limits/memory_limit.h"

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

// Occupies what the test says, some of which it can give back.
struct FakeMemory : ProcessMemory {
  int64_t ResidentBytes() override {
    ++measured;
    return used + free;
  }
  void GiveBack() override { free = 0; }

  int64_t used = 0;
  int64_t free = 0;
  int measured = 0;
};

class MemoryLimitTest : public ::testing::Test {
 protected:
  bool IsOverWith(int64_t used, int64_t free = 0) {
    memory_.used = used;
    memory_.free = free;
    limit_.Tick(now_ += absl::Seconds(1));
    return limit_.is_over();
  }

  FakeMemory memory_;
  MemoryLimit limit_{1000, memory_};
  absl::Duration now_;
};

TEST_F(MemoryLimitTest, ItIsOverUntilItIsWellBelow) {
  EXPECT_FALSE(IsOverWith(1000));
  EXPECT_TRUE(IsOverWith(1001));
  EXPECT_TRUE(IsOverWith(999));
  EXPECT_TRUE(IsOverWith(951));
  EXPECT_FALSE(IsOverWith(950));
  EXPECT_FALSE(IsOverWith(1000));
}

TEST_F(MemoryLimitTest, WhatCanBeGivenBackDoesNotCount) {
  EXPECT_FALSE(IsOverWith(500, 600));
  EXPECT_EQ(memory_.free, 0);
  EXPECT_TRUE(IsOverWith(1001));
  EXPECT_FALSE(IsOverWith(900, 300));
}

TEST_F(MemoryLimitTest, ManyThreadsMeasureOnceASecond) {
  for (int thread = 0; thread < 10; ++thread) limit_.Tick(absl::Milliseconds(5000));
  EXPECT_EQ(memory_.measured, 1);
  for (int thread = 0; thread < 10; ++thread) limit_.Tick(absl::Milliseconds(6100));
  EXPECT_EQ(memory_.measured, 2);
}

TEST(NoMemoryLimitTest, ZeroIsNoLimit) {
  FakeMemory memory;
  memory.used = int64_t{1} << 60;
  MemoryLimit limit(0, memory);
  limit.Tick(absl::Seconds(1));
  EXPECT_FALSE(limit.is_over());
  EXPECT_EQ(memory.measured, 0);
}

}  // namespace
}  // namespace chatter::edge
