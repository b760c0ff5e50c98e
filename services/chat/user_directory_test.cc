#include "services/chat/user_directory.h"

#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chat/testing/recording_stream.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;

constexpr int kMostWaiting = 10'000;

class UserDirectoryTest : public testing::Test {
 protected:
  absl::StatusOr<UserRef> Ensure(const std::string& name, const std::string& group) {
    std::promise<absl::StatusOr<UserRef>> answer;
    users_.Ensure({name, group}, [&](absl::StatusOr<UserRef> user) {
      answer.set_value(std::move(user));
    });
    return answer.get_future().get();
  }
  absl::StatusOr<UserRef> Find(const std::string& name) {
    std::promise<absl::StatusOr<UserRef>> answer;
    users_.Find(name,
                [&](absl::StatusOr<UserRef> user) { answer.set_value(std::move(user)); });
    return answer.get_future().get();
  }
  absl::StatusOr<std::vector<bool>> Exist(std::vector<std::string_view> names) {
    return users_.Exist(names);
  }
  std::optional<storage::User> InStorage(const std::string& name) {
    return storage_.FindUsers({name})->front();
  }

  storage::TempStorage storage_;
  DeliveryMetrics metrics_;
  SessionRegistry sessions_{metrics_};
  BlockingPool pool_{1, 1};
  UserDirectory users_{storage_, sessions_, pool_};
};

TEST_F(UserDirectoryTest, SharesAUserUnlessItHasChanged) {
  const storage::User alice = **Ensure("alice", "red");
  const UserRef known = *Find("alice");
  EXPECT_EQ(users_.Share(alice), known);
  const UserRef moved = users_.Share({alice.id, "alice", "blue"});
  EXPECT_EQ(moved->group, "blue");
  // As it is from now on, for everybody.
  EXPECT_EQ(*Find("alice"), moved);
  EXPECT_EQ(users_.Share({alice.id, "alice", "blue"}), moved);
  EXPECT_EQ(users_.Share({7, "stranger", "red"})->id, 7);
}

TEST_F(UserDirectoryTest, WhatAUserMaySendIsSharedAndOutlivesAChange) {
  const UserRef alice = *Ensure("alice", "red");
  alice->send_bucket() = 42;
  EXPECT_EQ((*Find("alice"))->send_bucket(), 42);
  EXPECT_EQ((*Ensure("alice", "green"))->send_bucket(), 42);
  EXPECT_EQ(users_.Share({alice->id, "alice", "blue"})->send_bucket(), 42);
  EXPECT_EQ((*Ensure("bob", "red"))->send_bucket(), RateLimit::kFull);
  // Sessions from before the change go on.
  alice->send_bucket() = 43;
  EXPECT_EQ((*Find("alice"))->send_bucket(), 43);
  // A session of somebody who had been forgotten, and then a call.
  const UserRef carol = users_.Share({7, "carol", "red"});
  EXPECT_EQ(*Find("carol"), carol);
}

TEST_F(UserDirectoryTest, CallsThatComeAtOnceShareWhatTheirUserMaySend) {
  absl::Notification go_on;
  users_.Ensure({"first", "red"}, [&](const auto&) { go_on.WaitForNotification(); });
  constexpr int kCalls = 2;
  std::vector<UserRef> callers;
  absl::BlockingCounter ensured(kCalls);
  for (int i = 0; i < kCalls; ++i) {
    users_.Ensure({"alice", "red"}, [&](absl::StatusOr<UserRef> user) {
      callers.push_back(*std::move(user));
      ensured.DecrementCount();
    });
  }
  go_on.Notify();
  ensured.Wait();
  callers[0]->send_bucket() = 42;
  EXPECT_EQ(callers[1]->send_bucket(), 42);
}

TEST_F(UserDirectoryTest, EnsureCreatesAUserOnce) {
  const auto alice = Ensure("alice", "red");
  ASSERT_TRUE(alice.ok()) << alice.status();
  EXPECT_EQ((*alice)->name, "alice");
  EXPECT_EQ((*alice)->group, "red");
  ASSERT_TRUE(InStorage("alice").has_value());
  EXPECT_EQ(InStorage("alice")->id, (*alice)->id);

  const int calls = storage_.calls();
  const auto again = Ensure("alice", "red");
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)->id, (*alice)->id);
  EXPECT_EQ(storage_.calls(), calls);
}

TEST_F(UserDirectoryTest, WhoIsStoredAlreadyIsReadAndNotWritten) {
  ASSERT_TRUE(storage_.CreateUser({"alice", "red"}).ok());
  const int64_t id = InStorage("alice")->id;  // SQLite notes what a reader has seen
  const std::string before = storage_.Bytes();
  const auto alice = Ensure("alice", "red");
  ASSERT_TRUE(alice.ok()) << alice.status();
  EXPECT_EQ((*alice)->id, id);
  EXPECT_EQ((*alice)->group, "red");
  EXPECT_TRUE(storage_.Bytes() == before);
}

TEST_F(UserDirectoryTest, OfTwoGroupsThatComeAtOnceTheLaterOneStays) {
  ASSERT_TRUE(storage_.CreateUser({"alice", "red"}).ok());
  absl::Notification go_on;
  users_.Ensure({"first", "red"}, [&](const auto&) { go_on.WaitForNotification(); });
  absl::BlockingCounter ensured(2);
  for (const std::string group : {"blue", "red"}) {
    users_.Ensure({"alice", group}, [&](const auto&) { ensured.DecrementCount(); });
  }
  go_on.Notify();
  ensured.Wait();
  EXPECT_EQ(InStorage("alice")->group, "red");
  EXPECT_EQ((*Find("alice"))->group, "red");
}

TEST_F(UserDirectoryTest, AnotherGroupIsStoredAndTheNewGroupHearsOfIt) {
  const auto alice = Ensure("alice", "red");
  const auto bob = Ensure("bob", "blue");
  ASSERT_TRUE(alice.ok() && bob.ok());
  const auto stream = std::make_shared<RecordingStream>();
  sessions_.Open(std::make_shared<Session>(*alice, stream, 1));
  sessions_.Open(std::make_shared<Session>(*bob, stream, 2));
  stream->TakeLines();

  const auto changed = Ensure("alice", "blue");
  ASSERT_TRUE(changed.ok()) << changed.status();
  EXPECT_EQ((*changed)->id, (*alice)->id);
  EXPECT_EQ((*changed)->group, "blue");
  EXPECT_EQ(InStorage("alice")->group, "blue");
  EXPECT_THAT(stream->TakeLines(), ElementsAre("2: presence alice on"));
  EXPECT_EQ((*Find("alice"))->group, "blue");
}

TEST_F(UserDirectoryTest, FindsWhoIsThereAndRemembersThem) {
  ASSERT_TRUE(storage_.CreateUser({"alice", "red"}).ok());
  const auto alice = Find("alice");
  ASSERT_TRUE(alice.ok()) << alice.status();
  EXPECT_EQ((*alice)->id, InStorage("alice")->id);
  EXPECT_EQ((*alice)->group, "red");
  const int calls = storage_.calls();
  EXPECT_TRUE(Find("alice").ok());
  EXPECT_EQ(storage_.calls(), calls);
}

TEST_F(UserDirectoryTest, WhoIsNotThereMayComeLater) {
  EXPECT_TRUE(absl::IsNotFound(Find("alice").status()));
  EXPECT_THAT(*Exist({"alice"}), ElementsAre(false));
  ASSERT_TRUE(storage_.CreateUser({"alice", "red"}).ok());
  EXPECT_THAT(*Exist({"alice"}), ElementsAre(true));
  EXPECT_TRUE(Find("alice").ok());
}

TEST_F(UserDirectoryTest, ExistAnswersInOrderAndRemembersWhoIsThere) {
  ASSERT_TRUE(Ensure("alice", "red").ok());
  ASSERT_TRUE(storage_.CreateUser({"bob", "red"}).ok());
  int calls = storage_.calls();
  EXPECT_THAT(*Exist({"alice", "nobody", "bob", "bob", ""}),
              ElementsAre(true, false, true, true, false));
  EXPECT_EQ(storage_.calls(), ++calls);
  EXPECT_THAT(*Exist({"bob", "alice"}), ElementsAre(true, true));
  EXPECT_EQ(storage_.calls(), calls);
}

TEST_F(UserDirectoryTest, RefusesToEnsureWhenTenThousandWait) {
  absl::Notification started, go_on;
  users_.Ensure({"first", "red"}, [&](const auto&) {
    started.Notify();
    go_on.WaitForNotification();
  });
  started.WaitForNotification();
  absl::BlockingCounter ensured(kMostWaiting);
  for (int i = 0; i < kMostWaiting; ++i) {
    users_.Ensure({"alice", "red"}, [&](const absl::StatusOr<UserRef>& user) {
      EXPECT_TRUE(user.ok()) << user.status();
      ensured.DecrementCount();
    });
  }
  absl::Status refused;
  users_.Ensure({"bob", "red"}, [&](const auto& user) { refused = user.status(); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_TRUE(Ensure("first", "red").ok());  // needs no storage
  go_on.Notify();
  ensured.Wait();
  EXPECT_TRUE(Ensure("bob", "red").ok());
}

TEST_F(UserDirectoryTest, RefusesToFindWhenThePoolIsFull) {
  ASSERT_TRUE(Ensure("known", "red").ok());
  ASSERT_TRUE(storage_.CreateUser({"alice", "red"}).ok());
  absl::Notification started, go_on, found;
  ASSERT_TRUE(pool_.TryRun([&] {
    started.Notify();
    go_on.WaitForNotification();
  }));
  started.WaitForNotification();
  users_.Find("alice", [&](const absl::StatusOr<UserRef>& user) {
    EXPECT_TRUE(user.ok()) << user.status();
    found.Notify();
  });
  absl::Status refused;
  users_.Find("bob", [&](const auto& user) { refused = user.status(); });
  EXPECT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_TRUE(Find("known").ok());
  go_on.Notify();
  found.WaitForNotification();
  EXPECT_TRUE(absl::IsNotFound(Find("bob").status()));
}

TEST_F(UserDirectoryTest, WhileStorageIsAwayOnlyTheKnownAreServed) {
  ASSERT_TRUE(Ensure("alice", "red").ok());
  storage_.SetAway(true);
  EXPECT_TRUE(Ensure("alice", "red").ok());
  EXPECT_TRUE(Find("alice").ok());
  EXPECT_THAT(*Exist({"alice"}), ElementsAre(true));
  EXPECT_TRUE(absl::IsUnavailable(Ensure("alice", "blue").status()));
  EXPECT_TRUE(absl::IsUnavailable(Ensure("bob", "red").status()));
  EXPECT_TRUE(absl::IsUnavailable(Find("bob").status()));
  EXPECT_TRUE(absl::IsUnavailable(Exist({"alice", "bob"}).status()));
  storage_.SetAway(false);
  EXPECT_EQ((*Find("alice"))->group, "red");
  EXPECT_TRUE(Ensure("bob", "red").ok());
}

}  // namespace
}  // namespace chatter::chat
