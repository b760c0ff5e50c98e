#include "services/chat/session_registry.h"

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chat/testing/recording_stream.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionRegistryTest : public testing::Test {
 protected:
  std::shared_ptr<Session> Make(const std::string& user, uint64_t id,
                                const std::string& group = "g",
                                std::shared_ptr<SessionStream> stream = nullptr) {
    return std::make_shared<Session>(
        std::make_shared<const User>(storage::User{1, user, group}),
        stream == nullptr ? stream_ : stream, id);
  }
  std::shared_ptr<Session> Open(const std::string& user, uint64_t id,
                                const std::string& group = "g",
                                std::shared_ptr<SessionStream> stream = nullptr) {
    auto session = Make(user, id, group, stream);
    registry_.Open(session);
    return session;
  }
  static CommittedMessage Message(const std::string& from, const std::string& to,
                                  std::shared_ptr<Session> origin = nullptr,
                                  const std::string& client_id = "") {
    CommittedMessage committed;
    committed.message.set_from(from);
    committed.message.set_to(to);
    committed.message.set_id(7);
    committed.message.set_text("hi");
    committed.message.set_client_id(client_id);
    committed.origin = std::move(origin);
    return committed;
  }
  void Deliver(CommittedMessage message) {
    registry_.Deliver(absl::MakeSpan(&message, 1));
  }

  const std::shared_ptr<RecordingStream> stream_ = std::make_shared<RecordingStream>();
  const std::shared_ptr<RecordingStream> other_ = std::make_shared<RecordingStream>();
  DeliveryMetrics metrics_;
  SessionRegistry registry_{metrics_};
};

TEST_F(SessionRegistryTest, TheGroupHearsOfTheFirstAndTheLastSessionOnly) {
  const auto alice = Open("alice", 1);
  const auto bob1 = Open("bob", 2);
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: presence bob on"));
  const auto bob2 = Open("bob", 3);
  registry_.Close(*bob1);
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
  EXPECT_TRUE(registry_.IsOnline("bob"));
  registry_.Close(*bob2);
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: presence bob off"));
  EXPECT_FALSE(registry_.IsOnline("bob"));
}

TEST_F(SessionRegistryTest, PresenceStaysWithinTheGroup) {
  const auto alice = Open("alice", 1, "red");
  const auto bob = Open("bob", 2, "blue");
  registry_.Close(*bob);
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
}

TEST_F(SessionRegistryTest, PresenceTravelsOnceForEachStream) {
  const auto a = Open("a", 1);
  const auto b = Open("b", 2);
  const auto c = Open("c", 1, "g", other_);
  stream_->TakeLines();
  other_->TakeLines();
  const auto d = Open("d", 4);
  EXPECT_EQ(registry_.CountOnline(), 4u);
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1,2: presence d on"));
  EXPECT_THAT(other_->TakeLines(), ElementsAre("1: presence d on"));
}

TEST_F(SessionRegistryTest, ANewGroupSeesTheUserComeAndTheOldOneGo) {
  const auto red = Open("red-friend", 1, "red");
  const auto blue = Open("blue-friend", 2, "blue");
  const auto user1 = Open("user", 3, "red");
  const auto user2 = Open("user", 4, "red");
  stream_->TakeLines();
  registry_.SetGroup("user", "blue");
  EXPECT_THAT(stream_->TakeLines(),
              ElementsAre("1: presence user off", "2: presence user on"));
  registry_.SetGroup("user", "blue");
  registry_.SetGroup("nobody", "blue");
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
  registry_.Close(*blue);
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("3,4: presence blue-friend off"));
}

TEST_F(SessionRegistryTest, ASessionClosedBeforeItOpensIsNeverListed) {
  const auto session = Make("alice", 1);
  registry_.Close(*session);
  registry_.Open(session);
  EXPECT_FALSE(registry_.IsOnline("alice"));
}

TEST_F(SessionRegistryTest, AMessageReachesEverySessionOfBothUsersOnce) {
  const auto a1 = Open("a", 1);
  const auto a2 = Open("a", 2);
  const auto b1 = Open("b", 3, "other group");
  const auto b2 = Open("b", 9, "other group", other_);
  const auto c = Open("c", 5);
  stream_->TakeLines();
  other_->TakeLines();
  Deliver(Message("a", "b", a1));
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1,2,3: message hi answers 1"));
  EXPECT_THAT(other_->TakeLines(), ElementsAre("9: message hi"));
  EXPECT_EQ(metrics_.messages.value(), 4u);
  EXPECT_EQ(metrics_.text_bytes.value(), 4 * 2u);
}

TEST_F(SessionRegistryTest, AMessageToOneselfComesOnceForEachSession) {
  const auto a1 = Open("a", 1);
  const auto a2 = Open("a", 2);
  Deliver(Message("a", "a", a2));
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1,2: message hi answers 2"));
  Deliver(Message("a", "a", a2, "x"));
  EXPECT_THAT(stream_->TakeLines(),
              ElementsAre("2: sent x answers 2", "1: message hi as x"));
  EXPECT_EQ(metrics_.sents.value(), 1u);
}

TEST_F(SessionRegistryTest, OnlyTheSendersOwnDevicesSeeTheClientId) {
  const auto a1 = Open("a", 1);
  const auto a2 = Open("a", 2);
  const auto b = Open("b", 3);
  stream_->TakeLines();
  Deliver(Message("a", "b", a1, "x"));
  EXPECT_THAT(stream_->TakeLines(),
              ElementsAre("1: sent x answers 1", "2: message hi as x", "3: message hi"));
}

TEST_F(SessionRegistryTest, ADuplicateIsAnsweredAndNotDeliveredAgain) {
  const auto a1 = Open("a", 1);
  const auto a2 = Open("a", 2);
  const auto b = Open("b", 3);
  stream_->TakeLines();
  CommittedMessage message = Message("a", "b", a1, "x");
  message.duplicate = true;
  Deliver(std::move(message));
  const std::vector<v1::Delivery> told = stream_->Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(Describe(told[0]), "1: sent x answers 1");
  EXPECT_EQ(told[0].frame().sent().id(), 7);
}

TEST_F(SessionRegistryTest, ASenderWhoLeftIsNotAnswered) {
  const auto a = Open("a", 1);
  const auto b = Open("b", 2);
  registry_.Close(*a);
  stream_->TakeLines();
  Deliver(Message("a", "b", a));
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("2: message hi"));
}

TEST_F(SessionRegistryTest, ABatchFlushesEachStreamOnce) {
  const auto a = Open("a", 1);
  const auto b = Open("b", 2, "g", other_);
  stream_->TakeFlushes();
  other_->TakeFlushes();
  std::vector<CommittedMessage> batch;
  for (int i = 0; i < 10; ++i) batch.push_back(Message("a", "b"));
  registry_.Deliver(absl::MakeSpan(batch));
  EXPECT_EQ(stream_->TakeFlushes(), 1);
  EXPECT_EQ(other_->TakeFlushes(), 1);
  EXPECT_EQ(stream_->Take().size(), 11u);  // b's coming, and the messages
}

TEST_F(SessionRegistryTest, ManySessionsComeAndGoWithoutMixingUpTheirPlaces) {
  std::vector<std::shared_ptr<Session>> sessions;
  for (uint64_t i = 1; i <= 100; ++i) sessions.push_back(Open(absl::StrCat("u", i), i));
  for (size_t i = 0; i < 100; i += 2) registry_.Close(*sessions[i]);
  stream_->TakeLines();
  registry_.Close(*sessions[1]);
  std::vector<uint64_t> rest;
  for (uint64_t i = 4; i <= 100; i += 2) rest.push_back(i);
  EXPECT_THAT(stream_->TakeLines(),
              ElementsAre(absl::StrCat(absl::StrJoin(rest, ","), ": presence u2 off")));
  EXPECT_THAT(registry_.AreOnline({"u1", "u2", "u4"}), ElementsAre(false, false, true));
}

}  // namespace
}  // namespace chatter::chat
