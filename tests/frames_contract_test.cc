// contract.md: the messages and errors of a WebSocket without a subprotocol.
#include "tests/support/frames_contract.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"

namespace chatter::testing {
namespace {

CHATTER_INSTANTIATE_CONTRACT_TEST(FramesContractTest);

TEST_P(FramesContractTest, AMessageReachesBothAsItIsStored) {
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const Socket from = Connect(alice), to = Connect(bob);
  from->SendText(absl::StrCat(
      "{\"username_from\":", JsonString(alice.name),
      ",\"username_to\":", JsonString(bob.name),
      R"(,"message":"hé \"🙂\"\n","image_path":"/i.png","more":[{"a":1}]})"));
  const Frame echo = from->Read();
  const Frame delivered = to->Read();
  EXPECT_EQ(echo.payload, delivered.payload);
  rapidjson::Document json;
  json.Parse(delivered.payload);
  EXPECT_EQ(json.MemberCount(), 6u);
  EXPECT_EQ(json["username_from"].GetString(), alice.name);
  EXPECT_EQ(json["username_to"].GetString(), bob.name);
  EXPECT_STREQ(json["message"].GetString(), "hé \"🙂\"\n");
  EXPECT_STREQ(json["image_path"].GetString(), "/i.png");
  // The same as in the history.
  const HttpReply reply =
      Ask(port(), "GET", absl::StrCat("/messages?from=", bob.name, "&to=", alice.name),
          {bob.authorization});
  rapidjson::Document history;
  history.Parse(reply.body);
  ASSERT_EQ(history["result"].Size(), 1u);
  EXPECT_EQ(history["result"][0]["id"].GetInt64(), json["id"].GetInt64());
  EXPECT_GT(json["id"].GetInt64(), 0);
  EXPECT_STREQ(history["result"][0]["created"].GetString(), json["created"].GetString());
}

TEST_P(FramesContractTest, AFrameHasEveryMember) {
  const Person alice = NewLoner("alice");
  const Socket socket = Connect(alice);
  socket->SendMessage(alice.name, "x");
  rapidjson::Document json = socket->ReadJson();
  for (const char* const member :
       {"id", "username_from", "username_to", "message", "image_path", "created"}) {
    EXPECT_TRUE(json.HasMember(member)) << member;
  }
}

TEST_P(FramesContractTest, EverySessionOfBothGetsEveryFrame) {
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const std::vector<Socket> sockets = [&] {
    std::vector<Socket> all;
    for (const Person& person : {alice, alice, bob, bob}) all.push_back(Connect(person));
    return all;
  }();
  sockets[0]->SendMessage(bob.name, "1");
  for (const Socket& socket : sockets) {
    ExpectMessage(*socket, alice.name, bob.name, "1");
  }
  // One that goes takes nothing from the others.
  sockets[1]->SendFrame(Opcode::kClose, "\x03\xe8");
  EXPECT_EQ(sockets[1]->ReadUntilClosed(), 1000);
  sockets[2]->SendMessage(alice.name, "2");
  ExpectMessage(*sockets[0], bob.name, alice.name, "2");
  ExpectMessage(*sockets[2], bob.name, alice.name, "2");
  ExpectMessage(*sockets[3], bob.name, alice.name, "2");
}

TEST_P(FramesContractTest, AMessageToOneselfComesOnceToEachSession) {
  const Person alice = NewLoner("alice");
  const Socket first = Connect(alice), second = Connect(alice);
  first->SendMessage(alice.name, "note");
  for (const Socket* const socket : {&first, &second}) {
    ExpectMessage(**socket, alice.name, alice.name, "note");
    ExpectAlive(**socket);
  }
}

TEST_P(FramesContractTest, AnotherGroupMayBeWrittenTo) {
  const Person alice = Introduce(cluster().NewPerson(Name("alice"), "red"));
  const Person bob = Introduce(cluster().NewPerson(Name("bob"), "blue"));
  const Socket from = Connect(alice), to = Connect(bob);
  from->SendMessage(bob.name, "hello");
  ExpectMessage(*from, alice.name, bob.name, "hello");
  ExpectMessage(*to, alice.name, bob.name, "hello");
}

TEST_P(FramesContractTest, AnOfflineUserFindsItInTheHistory) {
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const Socket socket = Connect(alice);
  socket->SendMessage(bob.name, "later");
  ExpectMessage(*socket, alice.name, bob.name, "later");
  EXPECT_EQ(HistorySize(bob, alice.name), 1u);
}

TEST_P(FramesContractTest, ManyMessagesKeepTheirOrder) {
  constexpr int kMessages = 2000;
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const Socket from = Connect(alice), to = Connect(bob);
  for (int i = 0; i < kMessages; ++i) from->SendMessage(bob.name, absl::StrCat(i));
  for (const Socket* const socket : {&from, &to}) {
    int64_t last_id = 0;
    std::string last_created;
    for (int i = 0; i < kMessages; ++i) {
      const rapidjson::Document json = (*socket)->ReadJson();
      ASSERT_EQ(json["message"].GetString(), absl::StrCat(i));
      EXPECT_GT(json["id"].GetInt64(), last_id);
      last_id = json["id"].GetInt64();
      EXPECT_GT(json["created"].GetString(), last_created);
      last_created = json["created"].GetString();
    }
  }
}

// --- Errors ---

TEST_P(FramesContractTest, NobodyWritesAsSomebodyElse) {
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const Socket socket = Connect(alice), other = Connect(bob);
  socket->SendText(absl::StrCat("{\"username_from\":", JsonString(bob.name),
                                ",\"username_to\":", JsonString(bob.name),
                                ",\"message\":\"x\"}"));
  ExpectError(*socket, "wrong_sender");
  EXPECT_EQ(HistorySize(bob, alice.name), 0u);
  socket->SendMessage(bob.name, "real");
  ExpectMessage(*other, alice.name, bob.name, "real");
}

TEST_P(FramesContractTest, RefusesWhatCannotBeAMessage) {
  const Person alice = NewLoner("alice"), bob = NewLoner("bob");
  const Socket socket = Connect(alice);
  socket->SendMessage(Name("nobody"), "x");
  ExpectError(*socket, "unknown_recipient");
  socket->SendText(R"({"message":"x"})");
  ExpectError(*socket, "unknown_recipient");
  socket->SendText(R"({"username_to":null,"message":"x"})");
  ExpectError(*socket, "unknown_recipient");
  socket->SendText(absl::StrCat("{\"username_to\":", JsonString(bob.name), "}"));
  ExpectError(*socket, "empty_message");
  socket->SendText(absl::StrCat("{\"username_to\":", JsonString(bob.name),
                                ",\"message\":\"\",\"image_path\":\"\"}"));
  ExpectError(*socket, "empty_message");
  socket->SendText(absl::StrCat("{\"username_to\":", JsonString(bob.name),
                                ",\"image_path\":\"", std::string(2049, 'x'), "\"}"));
  ExpectError(*socket, "too_long");
  EXPECT_EQ(HistorySize(alice, bob.name), 0u);
}

TEST_P(FramesContractTest, ABadFrameIsAnsweredAndTheSocketStays) {
  const Person alice = NewLoner("alice");
  const Socket socket = Connect(alice);
  const std::string self = JsonString(alice.name);
  const std::vector<std::string> bad = {
      "",
      "nonsense",
      "[]",
      "7",
      "null",
      "{",
      "{}x",
      R"({"username_to":7})",
      R"({"message":["x"]})",
      R"({"username_to":"a","message":true})",
      absl::StrCat("{\"username_to\":", self, R"(,"message":"a\u0000b"})"),
      absl::StrCat("{\"username_to\":", self, R"(,"message":"\ud800"})"),
      absl::StrCat("{\"username_to\":", self, R"(,"message":"\udc00"})"),
      absl::StrCat("{\"username_to\":", self, R"(,"message":"\ud800x"})"),
      std::string(30'000, '['),
      "{\"a\":" + std::string(30'000, '['),
  };
  for (const std::string& frame : bad) {
    socket->SendText(frame);
    ExpectError(*socket, "bad_frame");
    // A good one in between: it is only the tenth in a row that is too much.
    socket->SendMessage(alice.name, "good");
    ExpectMessage(*socket, alice.name, alice.name, "good");
  }
  socket->SendFrame(Opcode::kBinary, OldMessage(alice.name, "binary"));
  ExpectError(*socket, "bad_frame");
}

TEST_P(FramesContractTest, TheTenthBadFrameInARowCloses) {
  const Socket socket = Connect(NewPerson("alice"));
  for (int i = 0; i < 10; ++i) socket->SendText("nonsense");
  for (int i = 0; i < 10; ++i) ExpectError(*socket, "bad_frame");
  EXPECT_EQ(socket->ReadUntilClosed(), 1008);
}

TEST_P(FramesContractTest, AFrameThatIsTooLargeCloses) {
  const Person alice = NewLoner("alice");
  {
    // The largest one.
    const Socket socket = Connect(alice);
    std::string frame = OldMessage(alice.name, "");
    frame.insert(frame.size() - 2, 65536 - frame.size(), 'x');
    ASSERT_EQ(frame.size(), 65536u);
    socket->SendText(frame);
    EXPECT_TRUE(socket->ReadJson().HasMember("id"));
    socket->SendText(frame + " ");
    EXPECT_EQ(socket->ReadUntilClosed(), 1009);
  }
  {
    // In parts.
    const Socket socket = Connect(alice);
    socket->SendFrame(Opcode::kText, std::string(40'000, 'x'), false);
    socket->SendFrame(Opcode::kContinuation, std::string(40'000, 'x'), true);
    EXPECT_EQ(socket->ReadUntilClosed(), 1009);
  }
}

}  // namespace
}  // namespace chatter::testing
