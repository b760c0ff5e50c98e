#include "services/chat/outbox.h"

#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr absl::Duration kPatience = absl::Seconds(20);

// Answers as it is told, on a thread of its own, and remembers what it was asked.
class FakeNotifier : public notification::Notifier {
 public:
  ~FakeNotifier() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  void Notify(const notification::Notice& notice, Done done) override {
    absl::MutexLock lock(&mutex_);
    ++calls_;
    waiting_.push_back({std::string(notice.text), std::move(done)});
  }

  void AnswerWith(absl::StatusCode answer) {
    absl::MutexLock lock(&mutex_);
    answer_ = answer;
  }
  void Hold(bool held) {
    absl::MutexLock lock(&mutex_);
    held_ = held;
  }
  void WaitForCalls(int count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return calls_ >= count;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
  }
  std::vector<std::string> WaitForTexts(size_t count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return texts_.size() >= count;
    };
    mutex_.AwaitWithTimeout(absl::Condition(&enough), kPatience);
    return texts_;
  }

 private:
  struct Waiting {
    std::string text;
    Done done;
  };

  void Work() {
    absl::MutexLock lock(&mutex_);
    while (true) {
      const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
        return stopping_ || (!held_ && !waiting_.empty());
      };
      mutex_.Await(absl::Condition(&has_work));
      if (stopping_) return;
      const Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      texts_.push_back(next.text);
      const absl::Status answer(answer_, "as told");
      mutex_.Unlock();
      next.done(answer);
      mutex_.Lock();
    }
  }

  absl::Mutex mutex_;
  absl::StatusCode answer_ ABSL_GUARDED_BY(mutex_) = absl::StatusCode::kOk;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;  // begun
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> texts_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_{[this] { Work(); }};  // last: uses all of the above
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
  OutboxTest() { users_ = *storage_.EnsureUsers({{"alice", "g"}, {"bob", "g"}}); }

  void StartOutbox() {
    outbox_ = std::make_unique<Outbox>(storage_, &notif_, metrics_, clock_);
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
  FakeNotifier notif_;
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
  notif_.AnswerWith(absl::StatusCode::kUnavailable);
  Commit("again");
  notif_.WaitForTexts(1);
  AdvanceUntil([&] { return notif_.WaitForTexts(0).size() >= 3; });
  notif_.AnswerWith(absl::StatusCode::kOk);
  const size_t failed = notif_.WaitForTexts(3).size();
  AdvanceUntil([&] { return notif_.WaitForTexts(0).size() > failed; });
  outbox_->Stop();
  EXPECT_EQ(metrics_.delivered.value(), 1u);
  EXPECT_GE(metrics_.retried.value(), 3u);
  EXPECT_THAT(InStorage(), IsEmpty());
}

TEST_F(OutboxTest, GivesUpWhatIsRefusedForGood) {
  StartOutbox();
  notif_.AnswerWith(absl::StatusCode::kInvalidArgument);
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
  notif_.AnswerWith(absl::StatusCode::kUnavailable);
  Commit("kept");
  notif_.WaitForTexts(1);
  outbox_->Stop();
  notif_.AnswerWith(absl::StatusCode::kOk);
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
  notif_.AnswerWith(absl::StatusCode::kUnavailable);
  notif_.Hold(false);
  outbox_->Stop();
  clock_.Advance(absl::Seconds(2));
  // All of them are due again soon, and none is lost.
  EXPECT_EQ(
      storage_.ClaimNotifications(clock_.Now() + absl::Minutes(6), absl::Minutes(1), 100)
          ->size(),
      static_cast<size_t>(kMessages));
}

TEST_F(OutboxTest, IsOffWithoutANotifier) {
  outbox_ = std::make_unique<Outbox>(storage_, nullptr, metrics_, clock_);
  EXPECT_FALSE(outbox_->enabled());
  Commit("stays", false);
  outbox_->Stop();
  EXPECT_EQ(InStorage().size(), 1u);
}

}  // namespace
}  // namespace chatter::chat
