// contract.md: uacl and notif as Chatter calls them; when they are down, slow, and back.
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/contract_test.h"

namespace chatter::testing {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

// Each test has a cluster of its own, since it breaks things.
class NeighboursTest : public ::testing::TestWithParam<Engine> {
 protected:
  void Start(const std::map<std::string, std::string>& chatd = {}) {
    ClusterOptions options;
    options.engine = GetParam();
    options.chatd = chatd;
    Start(options);
  }

  void Start(const ClusterOptions& options) {
    cluster_ = std::make_unique<Cluster>(options);
    alice_ = cluster_->NewPerson("alice b", "g");
    bob_ = cluster_->NewPerson("bob", "h");
    Introduce(alice_);
    Introduce(bob_);
  }

  void Introduce(const Person& person) {
    EXPECT_EQ(Get("/connections", person).status, 200);
  }

  HttpReply Get(const std::string& target, const Person& person) {
    return Ask(cluster_->port(), "GET", target, {person.authorization});
  }

  // Sends from Alice and waits for the echo.
  void Send(const std::string& to, const std::string& text) {
    const auto socket = cluster_->Connect(alice_);
    socket->SendMessage(to, text);
    EXPECT_TRUE(socket->ReadJson().HasMember("id"));
  }

  std::vector<std::string> Notified() {
    std::vector<std::string> texts;
    for (const auto& each : cluster_->notif().received()) texts.push_back(each.message);
    return texts;
  }

  std::unique_ptr<Cluster> cluster_;
  Person alice_, bob_;
};

CHATTER_INSTANTIATE_CONTRACT_TEST(NeighboursTest);

// --- notif ---

TEST_P(NeighboursTest, EveryMessageIsNotifiedOnlineOrNot) {
  Start();
  Send("bob", "away");
  const auto there = cluster_->Connect(bob_);
  Send("bob", "here");
  ASSERT_TRUE(cluster_->notif().WaitFor(2, kTestDeadline));
  const auto received = cluster_->notif().received();
  const auto& first =
      received[0].message == "alice b messaged you: away" ? received[0] : received[1];
  EXPECT_EQ(first.username, "bob");
  EXPECT_EQ(first.username_to, "bob");
  EXPECT_EQ(first.type, "message");
  EXPECT_EQ(first.title, "New message!");
  EXPECT_EQ(first.message, "alice b messaged you: away");
  EXPECT_EQ(first.link, "https://app.example/messenger?talking-to=alice%20b");
  EXPECT_FALSE(first.seen);
  // The message's own time.
  rapidjson::Document history;
  history.Parse(Get("/messages?from=bob&to=alice%20b", bob_).body);
  EXPECT_EQ(history["result"][0]["created"].GetString(), first.created_at);
}

TEST_P(NeighboursTest, NobodyIsNotifiedOfTheirOwnNotes) {
  Start();
  Send("alice b", "note");
  Send("bob", "hello");
  ASSERT_TRUE(cluster_->notif().WaitFor(1, kTestDeadline));
  EXPECT_THAT(Notified(), ::testing::ElementsAre("alice b messaged you: hello"));
}

TEST_P(NeighboursTest, OfflinePolicyNotifiesOnlyWhoIsAway) {
  Start({{"NOTIFY_POLICY", "offline"}});
  {
    const auto there = cluster_->Connect(bob_);
    Send("bob", "here");
    ASSERT_TRUE(there->ReadJson().HasMember("id"));
  }
  // Until Chatter has seen that Bob went.
  while (Get("/connections", bob_).body.find("true") != std::string::npos) {
  }
  Send("bob", "away");
  ASSERT_TRUE(cluster_->notif().WaitFor(1, kTestDeadline));
  EXPECT_THAT(Notified(), ::testing::ElementsAre("alice b messaged you: away"));
}

TEST_P(NeighboursTest, NotificationsAreKeptWhileNotifIsDownAndAcrossARestart) {
  Start();
  cluster_->notif().SetFailing(true);
  const absl::Time start = absl::Now();
  for (int i = 0; i < 5; ++i) Send("bob", absl::StrCat(i));
  // Nobody waited for it.
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
  while (cluster_->notif().calls() < 5) absl::SleepFor(absl::Milliseconds(5));
  cluster_->StopChatd();
  cluster_->StartChatd();
  cluster_->WaitUntilReady();
  cluster_->notif().SetFailing(false);
  ASSERT_TRUE(cluster_->notif().WaitFor(5, kTestDeadline));
  const std::vector<std::string> notified = Notified();
  EXPECT_THAT(std::set<std::string>(notified.begin(), notified.end()), SizeIs(5));
}

TEST_P(NeighboursTest, ASlowNotifMakesNobodyWait) {
  Start();
  cluster_->notif().SetDelay(absl::Seconds(3));
  const absl::Time start = absl::Now();
  const auto socket = cluster_->Connect(alice_);
  for (int i = 0; i < 200; ++i) socket->SendMessage("bob", absl::StrCat(i));
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(socket->ReadJson().HasMember("id"));
  EXPECT_LT(absl::Now() - start, absl::Seconds(3));
  cluster_->notif().SetDelay(absl::ZeroDuration());
  EXPECT_TRUE(cluster_->notif().WaitFor(200, kTestDeadline));
}

TEST_P(NeighboursTest, WhatNotifRefusesForGoodIsNotTriedAgain) {
  Start();
  cluster_->notif().SetStatus(400);
  Send("bob", "refused");
  while (cluster_->notif().calls() < 1) absl::SleepFor(absl::Milliseconds(5));
  cluster_->notif().SetStatus(0);
  Send("bob", "taken");
  ASSERT_TRUE(cluster_->notif().WaitFor(1, kTestDeadline));
  EXPECT_THAT(Notified(), ::testing::ElementsAre("alice b messaged you: taken"));
  EXPECT_EQ(cluster_->notif().calls(), 2);
}

TEST_P(NeighboursTest, AWrongSecretLosesNothing) {
  Start();
  cluster_->notif().SetStatus(401);
  Send("bob", "hello");
  while (cluster_->notif().calls() < 1) absl::SleepFor(absl::Milliseconds(5));
  cluster_->notif().SetStatus(0);
  EXPECT_TRUE(cluster_->notif().WaitFor(1, kTestDeadline));
}

// --- uacl ---

TEST_P(NeighboursTest, UaclDownIs503AndWhoIsKnownGoesOn) {
  Start();
  const Person stranger = cluster_->NewPerson("stranger", "g");
  cluster_->uacl().SetFailing(true);
  const HttpReply reply = Get("/ws_token", stranger);
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.headers.count("retry-after"), 1u);
  // No internals.
  EXPECT_EQ(reply.body,
            "{\"result\":null,\"message\":[{\"message\":\"The service is not available "
            "now\"}]}");
  EXPECT_EQ(Get("/ws_token", alice_).status, 201);
  Send("bob", "still there");
  cluster_->uacl().SetFailing(false);
  EXPECT_EQ(Get("/ws_token", stranger).status, 201);
}

TEST_P(NeighboursTest, ASlowUaclIs503InTimeAndHoldsNobodyElseUp) {
  Start();
  const Person stranger = cluster_->NewPerson("stranger", "g");
  cluster_->uacl().SetDelay(absl::Seconds(20));
  const absl::Time start = absl::Now();
  std::thread waiting([&] { EXPECT_EQ(Get("/ws_token", stranger).status, 503); });
  const auto socket = cluster_->Connect(alice_);
  socket->SendMessage("bob", "meanwhile");
  EXPECT_TRUE(socket->ReadJson().HasMember("id"));
  EXPECT_LT(absl::Now() - start, absl::Seconds(1));
  waiting.join();
  EXPECT_GT(absl::Now() - start, absl::Milliseconds(1900));
  EXPECT_LT(absl::Now() - start, absl::Seconds(4));
  cluster_->uacl().SetDelay(absl::ZeroDuration());
  EXPECT_EQ(Get("/ws_token", stranger).status, 201);
}

TEST_P(NeighboursTest, UaclIsAskedOnceForTheSameToken) {
  Start();
  const int64_t before = cluster_->uacl().authorize_calls();
  const Person stranger = cluster_->NewPerson("stranger", "g");
  cluster_->uacl().SetDelay(absl::Milliseconds(300));
  std::vector<std::thread> threads;
  for (int i = 0; i < 10; ++i) {
    threads.emplace_back([&] { EXPECT_EQ(Get("/ws_token", stranger).status, 201); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get("/connections", stranger).status, 200);
  EXPECT_EQ(cluster_->uacl().authorize_calls(), before + 1);
}

TEST_P(NeighboursTest, ARefusalIsNotRemembered) {
  Start();
  const int64_t before = cluster_->uacl().authorize_calls();
  const Person nobody = {"nobody", "Authorization: Bearer nonsense"};
  EXPECT_EQ(Get("/ws_token", nobody).status, 401);
  EXPECT_EQ(Get("/ws_token", nobody).status, 401);
  EXPECT_EQ(cluster_->uacl().authorize_calls(), before + 2);
}

TEST_P(NeighboursTest, ANewAccountIsToldToChatter) {
  Start();
  // What uacl sends when an account is created.
  const HttpReply created =
      Ask(cluster_->port(), "POST", "/user",
          {absl::StrCat("Authorization: ", kNotificationAuth)},
          R"({"name":"Carol","username":"carol","user_group":"h","password":"$2a$"})");
  EXPECT_EQ(created.status, 201);
  EXPECT_NE(Get("/connections", bob_).body.find("carol"), std::string::npos);
}

// --- The adapters as processes of their own ---

TEST_P(NeighboursTest, TheAdaptersAlsoRunAlone) {
  ClusterOptions options;
  options.engine = GetParam();
  options.adapters_apart = true;
  Start(options);
  Send("bob", "hello");
  EXPECT_TRUE(cluster_->notif().WaitFor(1, kTestDeadline));
  cluster_->uacl().SetFailing(true);
  EXPECT_EQ(Get("/ws_token", cluster_->NewPerson("stranger", "g")).status, 503);
}

}  // namespace
}  // namespace chatter::testing
