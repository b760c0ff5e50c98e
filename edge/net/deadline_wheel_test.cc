#include "edge/net/deadline_wheel.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::vector<uint64_t> Advance(DeadlineWheel& wheel, absl::Duration now) {
  std::vector<uint64_t> reminded;
  wheel.Advance(now, [&](uint64_t id) { reminded.push_back(id); });
  return reminded;
}

TEST(DeadlineWheelTest, RemindsOnceAndNotBeforeTheSecondIsOver) {
  DeadlineWheel wheel(absl::Seconds(100));
  wheel.Add(1, absl::Seconds(102));
  wheel.Add(2, absl::Seconds(103));
  EXPECT_THAT(Advance(wheel, absl::Seconds(102)), IsEmpty());
  EXPECT_THAT(Advance(wheel, absl::Seconds(103)), ElementsAre(1));
  EXPECT_THAT(Advance(wheel, absl::Seconds(200)), ElementsAre(2));
  EXPECT_THAT(Advance(wheel, absl::Seconds(1000)), IsEmpty());
}

TEST(DeadlineWheelTest, MayBeAskedFromWithinAReminder) {
  DeadlineWheel wheel(absl::ZeroDuration());
  wheel.Add(1, absl::Seconds(1));
  int reminders = 0;
  for (int now = 0; now < 10; ++now) {
    wheel.Advance(absl::Seconds(now), [&](uint64_t id) {
      ++reminders;
      wheel.Add(id, absl::Seconds(now + 1));
    });
  }
  EXPECT_EQ(reminders, 4);  // each second one
}

TEST(DeadlineWheelTest, WhatIsFarAwayIsRemindedOfEarly) {
  DeadlineWheel wheel(absl::ZeroDuration());
  wheel.Add(1, absl::Hours(1));
  // The one who is reminded looks at the deadline, and asks again.
  EXPECT_THAT(Advance(wheel, absl::Seconds(128)), ElementsAre(1));
}

}  // namespace
}  // namespace chatter::edge
