#include "edge/drain.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(DrainTest, SpreadsTheEndsOverTheTime) {
  Drain drain({1, 2, 3, 4}, absl::Seconds(100), absl::Seconds(10));
  EXPECT_EQ(drain.end(), absl::Seconds(110));
  EXPECT_THAT(drain.TakeDue(absl::Seconds(100)), IsEmpty());
  EXPECT_THAT(drain.TakeDue(absl::Seconds(103)), ElementsAre(1));
  EXPECT_THAT(drain.TakeDue(absl::Seconds(104)), IsEmpty());
  EXPECT_THAT(drain.TakeDue(absl::Seconds(108)), ElementsAre(2, 3));
  EXPECT_FALSE(drain.is_done());
  EXPECT_THAT(drain.TakeDue(absl::Seconds(500)), ElementsAre(4));
  EXPECT_TRUE(drain.is_done());
  EXPECT_THAT(drain.TakeDue(absl::Seconds(500)), IsEmpty());
}

TEST(DrainTest, WithoutATimeAllEndAtOnce) {
  Drain drain({1, 2}, absl::Seconds(100), absl::ZeroDuration());
  EXPECT_THAT(drain.TakeDue(absl::Seconds(100)), ElementsAre(1, 2));
  EXPECT_TRUE(drain.is_done());
  EXPECT_TRUE(Drain({}, absl::ZeroDuration(), absl::Seconds(1)).is_done());
}

}  // namespace
}  // namespace chatter::edge
