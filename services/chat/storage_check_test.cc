#include "services/chat/storage_check.h"

#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

TEST(StorageCheckTest, TheStorageIsAskedOncePerFiveSeconds) {
  storage::TempStorage storage;
  FakeClock clock;
  StorageCheck check(storage, clock);
  EXPECT_EQ(storage.calls(), 0);
  ASSERT_TRUE(check.Look().ok());
  EXPECT_EQ(check.Look()->waiting, 0);
  EXPECT_EQ(storage.calls(), 1);
  storage.SetAway(true);
  clock.Advance(absl::Seconds(4));
  EXPECT_TRUE(check.Look().ok());
  clock.Advance(absl::Seconds(1));
  EXPECT_TRUE(absl::IsUnavailable(check.Look().status()));
  EXPECT_EQ(storage.calls(), 2);
  storage.SetAway(false);
  clock.Advance(absl::Seconds(5));
  EXPECT_TRUE(check.Look().ok());
}

// Does not answer until it may.
class StuckStorage : public storage::TempStorage {
 public:
  absl::StatusOr<storage::OutboxState> InspectOutbox(int64_t limit) override {
    go_on.WaitForNotification();
    return TempStorage::InspectOutbox(limit);
  }
  absl::Notification go_on;
};

TEST(StorageCheckTest, NobodyWaitsLongForAStorageThatDoesNotAnswer) {
  StuckStorage storage;
  FakeClock clock;
  StorageCheck check(storage, clock);
  EXPECT_TRUE(absl::IsUnavailable(check.Look().status()));
  EXPECT_TRUE(absl::IsUnavailable(check.Look().status()));
  storage.go_on.Notify();
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (!check.Look().ok()) ASSERT_LT(absl::Now(), deadline);
  // The two had shared one question.
  EXPECT_EQ(storage.calls(), 1);
}

}  // namespace
}  // namespace chatter::chat
