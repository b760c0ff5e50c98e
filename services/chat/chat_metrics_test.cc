#include "services/chat/chat_metrics.h"

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "services/chat/counted_storage.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

size_t IndexOf(std::string_view reason) {
  size_t i = 0;
  while (RefusalMetrics::kReasons[i] != reason) ++i;
  return i;
}

TEST(ChatMetricsTest, EachRefusalCountsOnce) {
  RefusalMetrics refusals;
  for (const std::string_view reason : RefusalMetrics::kReasons) refusals.Add(reason);
  for (size_t i = 0; i < RefusalMetrics::kReasons.size(); ++i) {
    EXPECT_EQ(refusals.value(i), 1u) << RefusalMetrics::kReasons[i];
  }
  refusals.Add("a code of a later version");
  EXPECT_EQ(refusals.value(IndexOf("other")), 2u);
}

TEST(ChatMetricsTest, OnlyFailuresOfTheStorageCount) {
  auto owned = std::make_unique<storage::TempStorage>();
  storage::TempStorage& real = *owned;
  StorageErrorMetrics errors;
  CountedStorage counted(std::move(owned), errors);
  EXPECT_TRUE(counted.CreateUser({"alice", "g"}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(counted.CreateUser({"alice", "g"}).status()));
  EXPECT_TRUE(counted.Ping().ok());
  EXPECT_EQ(errors.unavailable.value(), 0u);
  EXPECT_EQ(errors.internal.value(), 0u);
  real.SetAway(true);
  EXPECT_TRUE(absl::IsUnavailable(counted.Ping()));
  EXPECT_TRUE(absl::IsUnavailable(counted.CreateUser({"bob", "g"}).status()));
  EXPECT_TRUE(absl::IsUnavailable(counted.InspectOutbox(1).status()));
  EXPECT_EQ(errors.unavailable.value(), 3u);
}

TEST(ChatMetricsTest, AStorageThatIsAwayWhenTheServiceStopsIsNotAskedAgain) {
  auto owned = std::make_unique<storage::TempStorage>();
  storage::TempStorage& real = *owned;
  StorageErrorMetrics errors;
  CountedStorage counted(std::move(owned), errors);
  real.SetAway(true);
  EXPECT_TRUE(absl::IsUnavailable(counted.Ping()));
  counted.BeginStop();
  real.SetAway(false);
  // What was before does not matter, nor other errors.
  EXPECT_TRUE(counted.CreateUser({"alice", "g"}).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(counted.CreateUser({"alice", "g"}).status()));
  real.SetAway(true);
  EXPECT_TRUE(absl::IsUnavailable(counted.Ping()));
  const int calls = real.calls();
  EXPECT_TRUE(absl::IsUnavailable(counted.Ping()));
  EXPECT_TRUE(absl::IsUnavailable(counted.InspectOutbox(1).status()));
  EXPECT_EQ(real.calls(), calls);
}

TEST(ChatMetricsTest, ErrorsOfTheStorageCountByTheirKind) {
  StorageErrorMetrics errors;
  errors.Add(absl::OkStatus());
  errors.Add(absl::UnknownError("lost in the commit"));
  errors.Add(absl::InternalError("a defect"));
  errors.Add(absl::DataLossError("another one"));
  EXPECT_EQ(errors.unavailable.value(), 0u);
  EXPECT_EQ(errors.unknown.value(), 1u);
  EXPECT_EQ(errors.internal.value(), 2u);
}

TEST(ChatMetricsTest, TheOutboxIsLeftOutWhileTheStorageIsDown) {
  const auto has = [](const ChatState& state, const std::string& name) {
    for (const auto& family : Describe(ChatMetrics(), state)) {
      if (family.name == name) return true;
    }
    return false;
  };
  ChatState state;
  EXPECT_FALSE(has(state, "chatter_outbox_waiting"));
  EXPECT_TRUE(has(state, "chatter_storage_up"));
  state.storage_up = true;
  EXPECT_TRUE(has(state, "chatter_outbox_waiting"));
}

}  // namespace
}  // namespace chatter::chat
