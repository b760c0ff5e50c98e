#include "services/chat/edge_service.h"

#include <sqlite3.h>

#include <optional>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "services/chat/testing/chat_server_fixture.h"
#include "services/chat/testing/test_edge.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;

class EdgeServiceTest : public ChatServerFixture {};

TEST_F(EdgeServiceTest, ATokenOpensOneSession) {
  TestEdge edge(*edge_stub_);
  const std::string token = Token(AsUser("alice"));
  edge.Hello(1, token);
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  EXPECT_EQ(edge.last().frame().welcome().epoch().size(), 32u);
  edge.Hello(2, token);
  EXPECT_EQ(edge.Next(), "2: closed BAD_TOKEN");
  edge.Hello(3, "nonsense");
  EXPECT_EQ(edge.Next(), "3: closed BAD_TOKEN");
}

TEST_F(EdgeServiceTest, ATokenOpensNoSessionFiveMinutesLater) {
  TestEdge edge(*edge_stub_);
  const std::string in_time = Token(AsUser("alice"));
  const std::string late = Token(AsUser("alice"));
  clock_.Advance(absl::Minutes(5) - absl::Microseconds(1));
  edge.Hello(1, in_time);
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  clock_.Advance(absl::Microseconds(1));
  edge.Hello(2, late);
  EXPECT_EQ(edge.Next(), "2: closed BAD_TOKEN");
}

TEST_F(EdgeServiceTest, AMessageGoesToBothAndIsInTheHistory) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  edge.Hello(2, Token(AsUser("bob")));
  std::set<std::string> opened = {edge.Next(), edge.Next()};
  EXPECT_THAT(opened, ElementsAre("1: presence bob on", "2: welcome bob"));
  edge.Send(1, "bob", "hi", "", "alice");
  EXPECT_EQ(edge.Next(), "1,2: message hi answers 1");
  const v1::Message message = edge.last().frame().message();
  EXPECT_EQ(message.seq(), 1);

  v1::ListMessagesRequest request;
  request.set_with("alice");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  ASSERT_EQ(response.messages_size(), 1);
  EXPECT_EQ(response.messages(0).SerializeAsString(), message.SerializeAsString());

  edge.End(2);
  EXPECT_EQ(edge.Next(), "1: presence bob off");
}

TEST_F(EdgeServiceTest, WrongSendsAreAnsweredWithErrors) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  edge.Send(1, "bob", "hi", "", "mallory");
  EXPECT_EQ(edge.Next(), "1: error wrong_sender answers 1");
  edge.Send(1, "nobody", "hi", "c");
  EXPECT_EQ(edge.Next(), "1: error unknown_recipient answers 1");
  EXPECT_EQ(edge.last().frame().error().client_id(), "c");
  edge.Send(1, "alice", "");
  EXPECT_EQ(edge.Next(), "1: error empty_message answers 1");
}

// While it lives, no message can be stored; after some seconds they are refused.
class LockedDatabase {
 public:
  explicit LockedDatabase(const std::string& folder) {
    EXPECT_EQ(sqlite3_open((folder + "/chatter.db").c_str(), &db_), SQLITE_OK);
    sqlite3_busy_timeout(db_, 10'000);  // chatd may just be writing something
    EXPECT_EQ(sqlite3_exec(db_, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  }
  ~LockedDatabase() { sqlite3_close(db_); }

 private:
  sqlite3* db_ = nullptr;
};

TEST_F(EdgeServiceTest, MessagesThatAreSlowToStoreHoldNothingElseUp) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  Token(AsUser("bob"));
  for (const int count : {1, 2}) {
    std::optional<LockedDatabase> locked(folder_);
    v1::EdgeBatch messages;
    for (int i = 0; i < count; ++i) {
      v1::EdgeEvent& event = *messages.add_events();
      event.set_session(1);
      event.mutable_frame()->mutable_send()->set_to("bob");
      event.mutable_frame()->mutable_send()->set_text("slow");
    }
    edge.Write(messages);
    v1::EdgeBatch ping;
    ping.add_events()->set_session(1);
    ping.mutable_events(0)->mutable_frame()->mutable_ping()->set_payload("quick");
    edge.Write(ping);
    EXPECT_EQ(edge.Next(), "1: pong quick");
    locked.reset();
    for (int i = 0; i < count; ++i) {
      EXPECT_EQ(edge.Next(), "1: message slow answers 1");
    }
  }
}

TEST_F(EdgeServiceTest, AnEdgeMayGoWhileItsMessageIsStored) {
  TestEdge watcher(*edge_stub_);
  watcher.Hello(1, Token(AsUser("watcher")));
  EXPECT_EQ(watcher.Next(), "1: welcome watcher");
  std::optional<LockedDatabase> locked;
  {
    TestEdge edge(*edge_stub_);
    edge.Hello(1, Token(AsUser("alice")));
    EXPECT_EQ(edge.Next(), "1: welcome alice");
    EXPECT_EQ(watcher.Next(), "1: presence alice on");
    locked.emplace(folder_);
    edge.Send(1, "watcher", "slow");
  }
  EXPECT_EQ(watcher.Next(), "1: presence alice off");
  locked.reset();
}

TEST_F(EdgeServiceTest, AClientIdIsStoredOnce) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  Token(AsUser("bob"));
  edge.Send(1, "bob", "once", "c1");
  EXPECT_EQ(edge.Next(), "1: sent c1 answers 1");
  const int64_t id = edge.last().frame().sent().id();
  edge.Send(1, "bob", "once", "c1");
  EXPECT_EQ(edge.Next(), "1: sent c1 answers 1");
  EXPECT_EQ(edge.last().frame().sent().id(), id);
  v1::SendMessageResponse response;
  ASSERT_TRUE(Send(AsUser("alice"), "bob", "once", &response, "c1").ok());
  EXPECT_EQ(response.message().id(), id);
}

TEST_F(EdgeServiceTest, TooManyUnansweredSendsAreRefusedAndTheRestStored) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  v1::EdgeBatch batch;
  constexpr int kSends = 4 * kMaxUnansweredSends;
  for (int i = 0; i < kSends; ++i) {
    v1::EdgeEvent& event = *batch.add_events();
    event.set_session(1);
    event.mutable_frame()->mutable_send()->set_to("alice");
    event.mutable_frame()->mutable_send()->set_text("x");
  }
  edge.Write(batch);
  int stored = 0;
  int refused = 0;
  for (int i = 0; i < kSends; ++i) {
    const std::string line = edge.Next();
    if (line == "1: message x answers 1") ++stored;
    if (line == "1: error overloaded answers 1") ++refused;
  }
  EXPECT_EQ(stored + refused, kSends);
  EXPECT_GE(stored, kMaxUnansweredSends);
}

TEST_F(EdgeServiceTest, AChangedGroupIsSeenAtTheNextCall) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("red", "red")));
  EXPECT_EQ(edge.Next(), "1: welcome red");
  edge.Hello(2, Token(AsUser("alice", "blue")));
  EXPECT_EQ(edge.Next(), "2: welcome alice");
  Token(AsUser("alice", "red"));
  EXPECT_EQ(edge.Next(), "1: presence alice on");
}

TEST_F(EdgeServiceTest, TheEndOfAStreamEndsItsSessions) {
  TestEdge watcher(*edge_stub_);
  watcher.Hello(1, Token(AsUser("watcher")));
  EXPECT_EQ(watcher.Next(), "1: welcome watcher");
  {
    TestEdge edge(*edge_stub_);
    edge.Hello(1, Token(AsUser("alice")));
    EXPECT_EQ(edge.Next(), "1: welcome alice");
    EXPECT_EQ(watcher.Next(), "1: presence alice on");
  }
  EXPECT_EQ(watcher.Next(), "1: presence alice off");
}

TEST_F(EdgeServiceTest, StreamsAreCountedByHowTheyEnded) {
  const auto ended = [&](grpc::StatusCode code) {
    return metrics_.attach.value(static_cast<size_t>(code));
  };
  {
    TestEdge edge(*edge_stub_);
    edge.Hello(1, Token(AsUser("alice")));
    EXPECT_EQ(edge.Next(), "1: welcome alice");
  }
  const absl::Time deadline = absl::Now() + absl::Seconds(20);
  while (ended(grpc::StatusCode::OK) + ended(grpc::StatusCode::CANCELLED) == 0) {
    ASSERT_LT(absl::Now(), deadline);
    std::this_thread::yield();
  }
  EXPECT_EQ(ended(grpc::StatusCode::CANCELLED), 1u);
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  server_->Stop();
  EXPECT_EQ(ended(grpc::StatusCode::CANCELLED), 1u);
  EXPECT_EQ(ended(grpc::StatusCode::OK), 1u);
}

TEST_F(EdgeServiceTest, AnEdgeThatBreaksTheProtocolLosesItsStream) {
  const auto ends_invalid = [&](const v1::EdgeBatch& batch) {
    TestEdge edge(*edge_stub_);
    edge.Write(batch);
    std::string line = edge.Next();
    while (line.rfind("end", 0) != 0) line = edge.Next();
    return line ==
           absl::StrCat("end: ", static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
  };
  v1::EdgeBatch zero;
  zero.add_events()->mutable_frame()->mutable_hello();
  EXPECT_TRUE(ends_invalid(zero));
  v1::EdgeBatch no_hello;
  no_hello.add_events()->set_session(1);
  no_hello.mutable_events(0)->mutable_frame()->mutable_ping();
  EXPECT_TRUE(ends_invalid(no_hello));
  v1::EdgeBatch nothing;
  nothing.add_events()->set_session(1);
  EXPECT_TRUE(ends_invalid(nothing));
  v1::EdgeBatch twice;
  for (int i = 0; i < 2; ++i) {
    v1::EdgeEvent& event = *twice.add_events();
    event.set_session(1);
    event.mutable_frame()->mutable_hello()->set_token(Token(AsUser("alice")));
  }
  EXPECT_TRUE(ends_invalid(twice));
}

}  // namespace
}  // namespace chatter::chat
