#include "edge/limits/address_counts.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

TEST(AddressCountsTest, BoundsEachAddressAndForgetsThoseWithoutAny) {
  AddressCounts counts(2);
  const ClientAddress alice{1}, bob{2};
  EXPECT_TRUE(counts.Add(alice));
  EXPECT_TRUE(counts.Add(alice));
  EXPECT_FALSE(counts.Add(alice));
  EXPECT_FALSE(counts.Add(alice));
  EXPECT_TRUE(counts.Add(bob));
  counts.Remove(alice);
  EXPECT_TRUE(counts.Add(alice));
  EXPECT_EQ(counts.size(), 2u);
  counts.Remove(bob);
  EXPECT_EQ(counts.size(), 1u);
  counts.Remove(alice);
  counts.Remove(alice);
  EXPECT_EQ(counts.size(), 0u);
}

TEST(AddressCountsTest, WithoutALimitNothingIsHeld) {
  AddressCounts counts(0);
  for (int i = 0; i < 10'000; ++i) EXPECT_TRUE(counts.Add(ClientAddress{1}));
  EXPECT_EQ(counts.size(), 0u);
  counts.Remove(ClientAddress{1});
}

TEST(AddressCountsTest, NobodysAddressIsNotCounted) {
  AddressCounts counts(1);
  EXPECT_TRUE(counts.Add(kNoAddress));
  EXPECT_TRUE(counts.Add(kNoAddress));
  EXPECT_EQ(counts.size(), 0u);
}

TEST(AddressCountsTest, ThreadsGetNoMoreTogether) {
  AddressCounts counts(1000);
  std::atomic<int> added{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int j = 0; j < 500; ++j) {
        if (counts.Add(ClientAddress{1})) ++added;
        const ClientAddress other{static_cast<uint64_t>(j + 2)};
        if (counts.Add(other)) counts.Remove(other);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(added, 1000);
  EXPECT_EQ(counts.size(), 1u);
}

}  // namespace
}  // namespace chatter::edge
