// That the thread sanitizer reports what races, and not what absl's locks protect.
#include <cstdlib>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

constexpr int kRounds = 1000;
constexpr absl::Duration kLong = absl::Minutes(1);

// What two threads change, each with the lock it is given.
void CountTwice(absl::Mutex& ours, absl::Mutex& theirs) {
  int count = 0;
  const auto count_up = [&count](absl::Mutex& mutex) {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mutex);
      ++count;
    }
  };
  std::thread other([&] { count_up(theirs); });
  count_up(ours);
  other.join();
  EXPECT_EQ(count, 2 * kRounds);
}

TEST(RacesDeathTest, OfALockEachIsReported) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  absl::Mutex ours;
  absl::Mutex theirs;
  EXPECT_EXIT(
      {
        CountTwice(ours, theirs);
        std::exit(0);
      },
      ::testing::ExitedWithCode(66), "data race");
}

TEST(RacesTest, AMutexProtects) {
  absl::Mutex mutex;
  CountTwice(mutex, mutex);
}

TEST(RacesTest, AConditionHandsOver) {
  absl::Mutex mutex;
  std::string turn = "ours";
  const auto is = [&turn](const char* whose) { return turn == whose; };
  const auto is_ours = [&is] { return is("ours"); };
  const auto is_theirs = [&is] { return is("theirs"); };
  std::thread other([&] {
    for (int i = 0; i < kRounds; ++i) {
      absl::MutexLock lock(&mutex, absl::Condition(&is_theirs));
      turn = "ours";
    }
  });
  for (int i = 0; i < kRounds; ++i) {
    absl::MutexLock lock(&mutex);
    EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&is_ours), kLong));
    turn = "theirs";
  }
  other.join();
  EXPECT_EQ(turn, "ours");
}

// Whoever awaits may have made another's condition true just before.
TEST(RacesTest, AwaitingHandsOver) {
  absl::Mutex mutex;
  bool asked = false;
  bool answered = false;
  std::thread other([&] {
    absl::MutexLock lock(&mutex, absl::Condition(&asked));
    answered = true;
  });
  {
    absl::MutexLock lock(&mutex);
    asked = true;
    EXPECT_TRUE(mutex.AwaitWithTimeout(absl::Condition(&answered), kLong));
  }
  other.join();
}

TEST(RacesTest, AwaitingHasADeadline) {
  absl::Mutex mutex;
  const bool never = false;
  absl::MutexLock lock(&mutex);
  EXPECT_FALSE(mutex.AwaitWithTimeout(absl::Condition(&never), absl::Milliseconds(1)));
  EXPECT_FALSE(mutex.AwaitWithDeadline(absl::Condition(&never), absl::InfinitePast()));
}

TEST(RacesTest, ACondVarHandsOver) {
  absl::Mutex mutex;
  absl::CondVar changed;
  bool ready = false;
  std::thread other([&] {
    absl::MutexLock lock(&mutex);
    ready = true;
    changed.Signal();
  });
  {
    absl::MutexLock lock(&mutex);
    while (!ready) changed.Wait(&mutex);
    while (!changed.WaitWithTimeout(&mutex, absl::Milliseconds(1))) {
    }
  }
  other.join();
}

TEST(RacesTest, ANotificationHandsOver) {
  std::string text;
  absl::Notification polled;
  absl::Notification waited_for;
  std::thread other([&] {
    text = "a";
    polled.Notify();
    waited_for.WaitForNotification();
    EXPECT_EQ(text, "ab");
  });
  while (!polled.HasBeenNotified()) std::this_thread::yield();
  text += "b";
  waited_for.Notify();
  other.join();
}

}  // namespace
}  // namespace chatter
