#include "services/chat/rpc_loop.h"

#include <grpcpp/alarm.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <optional>
#include <thread>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::chat {
namespace {

using ::testing::Optional;

// Must not be run on the thread that makes it.
class TagOnLoop : public CompletionTag {
 public:
  TagOnLoop()
      : CompletionTag([this, maker = std::this_thread::get_id()](bool ok) {
          EXPECT_NE(std::this_thread::get_id(), maker);
          ok_ = ok;
          ended_.Notify();
        }) {}

  // Once it has run.
  bool Outcome() {
    ended_.WaitForNotification();
    return ok_;
  }

 private:
  absl::Notification ended_;
  bool ok_ = false;
};

// An alarm for now ends while it is set, on the thread that sets it.
class RpcLoopTest : public testing::Test {
 protected:
  RpcLoopTest() {
    grpc::ServerBuilder builder;
    loop_.AddTo(builder);
    server_ = builder.BuildAndStart();
    loop_.Start();
  }
  ~RpcLoopTest() override {
    server_->Shutdown();
    loop_.Shutdown();
  }

  void SetForNow(grpc::Alarm& alarm, CompletionTag& tag) {
    alarm.Set(loop_.queue(), gpr_inf_past(GPR_CLOCK_MONOTONIC), &tag);
  }

  RpcLoop loop_;
  std::unique_ptr<grpc::Server> server_;
  grpc::Alarm alarm_;
};

TEST_F(RpcLoopTest, ReturnsTheOutcomeOfWhatEndsAtOnceAndDoesNotRunItsTag) {
  bool has_run = false;
  CompletionTag tag([&](bool) { has_run = true; });
  EXPECT_THAT(loop_.StartBrief(tag, [&] { SetForNow(alarm_, tag); }), Optional(true));
  // What the loop's thread had to do before is done when it has done this.
  TagOnLoop later;
  SetForNow(alarm_, later);
  EXPECT_TRUE(later.Outcome());
  EXPECT_FALSE(has_run);
}

TEST_F(RpcLoopTest, RunsTheTagOfWhatEndsLaterOnItsOwnThread) {
  TagOnLoop tag;
  EXPECT_EQ(
      loop_.StartBrief(
          tag,
          [&] { alarm_.Set(loop_.queue(), gpr_inf_future(GPR_CLOCK_MONOTONIC), &tag); }),
      std::nullopt);
  alarm_.Cancel();
  EXPECT_FALSE(tag.Outcome());
}

TEST_F(RpcLoopTest, LeavesWhatElseEndsToItsOwnThread) {
  TagOnLoop tag;
  TagOnLoop other;
  grpc::Alarm other_alarm;
  EXPECT_EQ(loop_.StartBrief(tag,
                             [&] {
                               SetForNow(other_alarm, other);
                               SetForNow(alarm_, tag);
                             }),
            std::nullopt);
  EXPECT_TRUE(other.Outcome());
  EXPECT_TRUE(tag.Outcome());
}

TEST_F(RpcLoopTest, WhatIsLeftToItsThreadIsNotLostWhenThatIsBusy) {
  absl::Notification is_busy;
  absl::Notification go_on;
  CompletionTag busy([&](bool) {
    is_busy.Notify();
    go_on.WaitForNotification();
  });
  SetForNow(alarm_, busy);
  is_busy.WaitForNotification();
  TagOnLoop first;
  TagOnLoop second;
  grpc::Alarm first_alarm;
  grpc::Alarm second_alarm;
  TagOnLoop never;
  const auto end = [&](grpc::Alarm& alarm, CompletionTag& tag) {
    EXPECT_EQ(loop_.StartBrief(never, [&] { SetForNow(alarm, tag); }), std::nullopt);
  };
  end(first_alarm, first);
  // Takes what is in the queue for the loop's thread.
  EXPECT_EQ(loop_.StartBrief(never, [] {}), std::nullopt);
  end(second_alarm, second);
  go_on.Notify();
  EXPECT_TRUE(first.Outcome());
  EXPECT_TRUE(second.Outcome());
}

}  // namespace
}  // namespace chatter::chat
