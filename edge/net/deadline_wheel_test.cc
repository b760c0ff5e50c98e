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

TEST(DeadlineWheelTest, SaysWhenItReminds) {
  DeadlineWheel wheel(absl::Seconds(1000));
  for (const int seconds : {-5, 0, 1, 60, 10'000}) {
    const absl::Duration when = wheel.Add(1, absl::Seconds(1000 + seconds));
    int reminders = 0;
    wheel.Advance(when - absl::Seconds(1), [&](uint64_t) { ++reminders; });
    EXPECT_EQ(reminders, 0) << seconds;
    wheel.Advance(when, [&](uint64_t) { ++reminders; });
    EXPECT_EQ(reminders, 1) << seconds;
    EXPECT_EQ(wheel.size(), 0u);
  }
}

TEST(DeadlineTest, PassesWhenItIsDue) {
  for (const int seconds : {1, 10, 126, 127, 128, 1000}) {
    absl::Duration now = absl::Milliseconds(5'300);
    DeadlineWheel wheel(now);
    Deadline deadline;
    const absl::Duration at = now + absl::Seconds(seconds);
    deadline.Set(wheel, 7, at);
    bool passed = false;
    while (!passed) {
      now += absl::Seconds(1);
      wheel.Advance(now, [&](uint64_t id) {
        passed = deadline.HasPassed(wheel, id, now) || passed;
      });
      ASSERT_LE(now, at + absl::Seconds(2)) << seconds;
    }
    EXPECT_GE(now, at) << seconds;
  }
}

TEST(DeadlineTest, IsNeverForgottenWhenTheLoopStoodStill) {
  DeadlineWheel wheel(absl::ZeroDuration());
  Deadline deadline;
  absl::Duration now = absl::Seconds(1000);  // the wheel has not been told
  deadline.Set(wheel, 7, now + absl::Seconds(60));
  bool passed = false;
  for (int i = 0; i < 63 && !passed; ++i) {
    wheel.Advance(
        now, [&](uint64_t id) { passed = deadline.HasPassed(wheel, id, now) || passed; });
    now += absl::Seconds(1);
  }
  EXPECT_TRUE(passed);
}

TEST(DeadlineTest, MovingItNearerAndFurtherAgainAndAgainHasABound) {
  absl::Duration now;
  DeadlineWheel wheel(now);
  Deadline deadline;
  // As a client does that asks now and then: an answer within 30 s, then 60 s idle.
  for (int i = 0; i < 10'000; ++i) {
    deadline.Set(wheel, 7, now + absl::Seconds(30));
    deadline.Set(wheel, 7, now + absl::Seconds(60));
    now += absl::Seconds(20);
    wheel.Advance(now,
                  [&](uint64_t id) { ASSERT_FALSE(deadline.HasPassed(wheel, id, now)); });
    ASSERT_LE(wheel.size(), 4u) << i;
  }
}

}  // namespace
}  // namespace chatter::edge
