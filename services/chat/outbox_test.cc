#include "services/chat/outbox.h"

#include <grpcpp/server_builder.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/notification.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(20);

// Answers as it is told, and remembers what it was asked.
class FakeNotification : public v1::NotificationService::Service {
 public:
  grpc::Status Notify(grpc::ServerContext*, const v1::NotifyRequest* request,
                      v1::NotifyResponse*) override {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    mutex_.Await(absl::Condition(
        +[](FakeNotification* self) { return !self->held_; }, this));
    texts_.push_back(request->text());
    return grpc::Status(answer_, "as told");
  }

  void AnswerWith(grpc::StatusCode answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = answer;
  }
  void Hold(bool held) {
    absl::MutexLock lock(&mutex_);
    held_ = held;
  }
  void WaitForCalls(int count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] { return calls_ >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }
  std::vector<std::string> WaitForTexts(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] { return texts_.size() >= count; };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
    return texts_;
  }

 private:
  absl::Mutex mutex_;
  grpc::StatusCode answer_ = grpc::StatusCode::OK;
  bool held_ = false;
  int calls_ = 0;  // begun
  std::vector<std::string> texts_;
};

// Counts how often somebody looks at it.
class CountingClock : public FakeClock {
 public:
  absl::Time Now() const override {
    ++looks_;
    return FakeClock::Now();
  }
  int looks() const { return looks_; }

 private:
  mutable std::atomic<int> looks_{0};
};

class OutboxTest : public testing::Test {
 protected:
  OutboxTest() {
    users_ = *storage_.EnsureUsers({{"alice", "g"}, {"bob", "g"}});
    grpc::ServerBuilder builder;
    builder.RegisterService(&notif_);
    server_ = builder.BuildAndStart();
  }
  ~OutboxTest() override {
    outbox_.reset();
    server_->Shutdown();
  }

  void StartOutbox() {
    outbox_ = std::make_unique<Outbox>(storage_, server_->InProcessChannel({}), metrics_,
                                       clock_);
  }

  // Commits a message with its notification, and hands that to the outbox if told so.
  void Commit(const std::string& text, bool add = true) {
    const absl::Time lease_end = clock_.Now() + absl::Minutes(1);
    storage::NewMessage message;
    message.sender_id = users_[0].id;
    message.sender = "alice";
    message.recipient = "bob";
    message.text = text;
    message.created = clock_.Now() + absl::Microseconds(++committed_);
    message.notify_due = lease_end;
    const storage::Appended appended =
        storage_.Append(absl::MakeConstSpan(&message, 1))->front();
    if (!add) return;
    outbox_->Add(
        {{{appended.conversation, appended.seq, "bob"}, "alice", text, appended.created}},
        lease_end);
  }

  // What is in the outbox, whoever has claimed it.
  std::vector<storage::Notification> InStorage() {
    return *storage_.ClaimNotifications(clock_.Now() + absl::Hours(24),
                                        absl::Microseconds(1), 100);
  }

  // Moves the clock on in steps until `done`, since the outbox looks at it now and then.
  void AdvanceUntil(absl::FunctionRef<bool()> done) {
    for (int i = 0; i < 400 && !done(); ++i) {
      clock_.Advance(absl::Seconds(1));
      absl::SleepFor(absl::Milliseconds(25));
    }
  }

  CountingClock clock_;
  storage::TempStorage storage_;
  std::vector<storage::User> users_;
  FakeNotification notif_;
  std::unique_ptr<grpc::Server> server_;
  NotificationMetrics metrics_;
  std::unique_ptr<Outbox> outbox_;
  int committed_ = 0;
};

TEST_F(OutboxTest, DeliversAndForgets) {
  StartOutbox();
  Commit("one");
  Commit("two");
  EXPECT_THAT(notif_.WaitForTexts(2), testing::UnorderedElementsAre("one", "two"));
  outbox_->Stop();
  EXPECT_EQ(metrics_.delivered.value(), 2u);
  EXPECT_EQ(metrics_.retried.value(), 0u);
  EXPECT_THAT(InStorage(), IsEmpty());
}

TEST_F(OutboxTest, TriesAgainUntilItWorks) {
  StartOutbox();
  notif_.AnswerWith(grpc::StatusCode::UNAVAILABLE);
  Commit("again");
  notif_.WaitForTexts(1);
  AdvanceUntil([&] { return notif_.WaitForTexts(0).size() >= 3; });
  notif_.AnswerWith(grpc::StatusCode::OK);
  const size_t failed = notif_.WaitForTexts(3).size();
  AdvanceUntil([&] { return notif_.WaitForTexts(0).size() > failed; });
  outbox_->Stop();
  EXPECT_EQ(metrics_.delivered.value(), 1u);
  EXPECT_GE(metrics_.retried.value(), 3u);
  EXPECT_THAT(InStorage(), IsEmpty());
}

TEST_F(OutboxTest, GivesUpWhatIsRefusedForGood) {
  StartOutbox();
  notif_.AnswerWith(grpc::StatusCode::INVALID_ARGUMENT);
  Commit("refused");
  notif_.WaitForTexts(1);
  outbox_->Stop();
  EXPECT_THAT(InStorage(), IsEmpty());
  EXPECT_EQ(metrics_.refused.value(), 1u);
  EXPECT_EQ(metrics_.delivered.value(), 0u);
}

TEST_F(OutboxTest, FindsWhatAnEarlierProcessLeftBehind) {
  Commit("left behind", false);
  clock_.Advance(absl::Minutes(2));
  StartOutbox();
  EXPECT_THAT(notif_.WaitForTexts(1), ElementsAre("left behind"));
  outbox_->Stop();
  EXPECT_THAT(InStorage(), IsEmpty());
}

TEST_F(OutboxTest, ABacklogDoesNotKeepTheWorkerAwake) {
  constexpr int kMessages = 520;  // more than it claims while calls hang
  for (int i = 0; i < kMessages; ++i) Commit(absl::StrCat(i), false);
  clock_.Advance(absl::Minutes(2));
  notif_.Hold(true);
  StartOutbox();
  notif_.WaitForCalls(32);
  const int looks = clock_.looks();
  absl::SleepFor(absl::Milliseconds(200));
  EXPECT_LT(clock_.looks() - looks, 100);
  notif_.Hold(false);
}

TEST_F(OutboxTest, AFailureIsKeptAcrossAStop) {
  StartOutbox();
  notif_.AnswerWith(grpc::StatusCode::UNAVAILABLE);
  Commit("kept");
  notif_.WaitForTexts(1);
  outbox_->Stop();
  notif_.AnswerWith(grpc::StatusCode::OK);
  clock_.Advance(absl::Seconds(2));
  StartOutbox();
  EXPECT_EQ(notif_.WaitForTexts(2).size(), 2u);
  outbox_->Stop();
  EXPECT_THAT(InStorage(), IsEmpty());
}

TEST_F(OutboxTest, AStopGivesBackWhatWasNotTried) {
  notif_.Hold(true);
  StartOutbox();
  constexpr int kMessages = 40;  // more than are on their way at once
  for (int i = 0; i < kMessages; ++i) Commit(absl::StrCat(i));
  notif_.AnswerWith(grpc::StatusCode::UNAVAILABLE);
  notif_.Hold(false);
  outbox_->Stop();
  clock_.Advance(absl::Seconds(2));
  // All of them are due again soon, and none is lost.
  EXPECT_EQ(
      storage_.ClaimNotifications(clock_.Now() + absl::Minutes(6), absl::Minutes(1), 100)
          ->size(),
      static_cast<size_t>(kMessages));
}

TEST_F(OutboxTest, IsOffWithoutAChannel) {
  outbox_ = std::make_unique<Outbox>(storage_, nullptr, metrics_, clock_);
  EXPECT_FALSE(outbox_->enabled());
  Commit("stays", false);
  outbox_->Stop();
  EXPECT_EQ(InStorage().size(), 1u);
}

}  // namespace
}  // namespace chatter::chat
