// contract.md: a WebSocket without a subprotocol.
#include <signal.h>

#include <string>
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

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// For what must not come.
constexpr absl::Duration kQuiet = absl::Milliseconds(200);

class FramesContractTest : public ContractTest {
 protected:
  using Socket = std::unique_ptr<WebSocketClient>;

  static Socket Connect(const Person& person) { return cluster().Connect(person); }

  // Makes the user known to Chatter.
  static Person Introduce(const Person& person) {
    EXPECT_EQ(Ask(port(), "GET", "/connections", {person.authorization}).status, 200);
    return person;
  }

  // In a group without anybody else.
  static Person NewLoner(const std::string& person) {
    return Introduce(cluster().NewPerson(Name(person), Name(person).substr(0, 56)));
  }

  static void ExpectError(WebSocketClient& socket, const std::string& code) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("error")) << "wanted " << code;
    EXPECT_EQ(json["error"]["code"].GetString(), code);
    EXPECT_GT(json["error"]["message"].GetStringLength(), 0u);
    EXPECT_FALSE(json.HasMember("username"));
  }

  static void ExpectMessage(WebSocketClient& socket, const std::string& from,
                            const std::string& to, const std::string& text) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("message")) << "wanted " << text;
    EXPECT_EQ(json["username_from"].GetString(), from);
    EXPECT_EQ(json["username_to"].GetString(), to);
    EXPECT_EQ(json["message"].GetString(), text);
  }

  static void ExpectPresence(WebSocketClient& socket, const std::string& user,
                             bool active) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("username")) << "wanted " << user;
    EXPECT_EQ(json["username"].GetString(), user);
    EXPECT_EQ(json["active"].GetBool(), active);
    EXPECT_EQ(json.MemberCount(), 2u);
  }

  // Whether the session still works: a bad frame is answered with an error.
  static void ExpectAlive(WebSocketClient& socket) {
    socket.SendText("{}");
    ExpectError(socket, "unknown_recipient");
  }

  static size_t HistorySize(const Person& who, const std::string& with) {
    const HttpReply reply =
        Ask(port(), "GET", absl::StrCat("/messages?from=", who.name, "&to=", with),
            {who.authorization});
    rapidjson::Document json;
    json.Parse(reply.body);
    return json["result"].Size();
  }
};

CHATTER_INSTANTIATE_CONTRACT_TEST(FramesContractTest);

// --- Opening ---

TEST_P(FramesContractTest, ATokenOpensOneSocket) {
  const std::string token = cluster().TokenFor(NewPerson("alice"));
  const Socket socket = WebSocketClient::Connect(port(), token);
  ASSERT_NE(socket, nullptr);
  HttpReply refusal;
  EXPECT_EQ(WebSocketClient::Connect(port(), token, &refusal), nullptr);
  EXPECT_EQ(refusal.status, 403);
  ExpectAlive(*socket);
}

TEST_P(FramesContractTest, ABadTokenIsRefusedBeforeTheUpgrade) {
  for (const std::string token : {"", "nobody", "%00", "a%ffb"}) {
    HttpReply refusal;
    EXPECT_EQ(WebSocketClient::Connect(port(), token, &refusal), nullptr);
    EXPECT_EQ(refusal.status, 403) << token;
    EXPECT_THAT(refusal.body, HasSubstr("\"result\":null"));
  }
  EXPECT_EQ(Ask(port(), "GET", "/ws", HandshakeHeaders()).status, 403);
}

TEST_P(FramesContractTest, WhatIsNoUpgradeDoesNotConsumeTheToken) {
  const std::string token = cluster().TokenFor(NewPerson("alice"));
  EXPECT_EQ(Ask(port(), "GET", "/ws?token=" + token).status, 400);
  HeaderLines old_version = HandshakeHeaders();
  old_version[2] = "Sec-WebSocket-Version: 8";
  const HttpReply version = Ask(port(), "GET", "/ws?token=" + token, old_version);
  EXPECT_EQ(version.status, 426);
  EXPECT_EQ(version.headers.at("sec-websocket-version"), "13");
  HeaderLines bad_key = HandshakeHeaders();
  bad_key[3] = "Sec-WebSocket-Key: short";
  EXPECT_EQ(Ask(port(), "GET", "/ws?token=" + token, bad_key).status, 400);
  EXPECT_NE(WebSocketClient::Connect(port(), token), nullptr);
}

TEST_P(FramesContractTest, TheOriginMustBeAllowed) {
  const Person alice = NewPerson("alice");
  for (const std::string origin :
       {"https://evil.example", "null", "http://localhost.x"}) {
    HttpReply refusal;
    EXPECT_EQ(WebSocketClient::Connect(port(), cluster().TokenFor(alice), &refusal,
                                       {"Origin: " + origin}),
              nullptr);
    EXPECT_EQ(refusal.status, 403) << origin;
  }
  for (const std::string origin : {"https://app.example", "http://localhost"}) {
    EXPECT_NE(WebSocketClient::Connect(port(), cluster().TokenFor(alice), nullptr,
                                       {"Origin: " + origin}),
              nullptr)
        << origin;
  }
}

TEST_P(FramesContractTest, CompressionIsNeverAgreedOn) {
  // Connect checks that there is no such header in the answer.
  EXPECT_NE(WebSocketClient::Connect(
                port(), cluster().TokenFor(NewPerson("alice")), nullptr,
                {"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"}),
            nullptr);
}

// --- Messages ---

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

// --- Presence ---

TEST_P(FramesContractTest, OthersOfTheGroupSeeWhoComesAndGoes) {
  const Person alice = NewPerson("alice"), bob = NewPerson("bob");
  const Person carol = cluster().NewPerson(Name("carol"), Group() + "2");
  const Socket watching = Connect(alice);
  const Socket elsewhere = Connect(carol);
  Socket first = Connect(bob);
  ExpectPresence(*watching, bob.name, true);
  // Only the first session and the last one are news.
  Socket second = Connect(bob);
  first->SendFrame(Opcode::kClose, "");
  first->ReadUntilClosed();
  second->SendMessage(bob.name, "x");
  ExpectMessage(*second, bob.name, bob.name, "x");
  EXPECT_FALSE(watching->IsReadable(kQuiet));
  second.reset();  // without a goodbye
  ExpectPresence(*watching, bob.name, false);
  EXPECT_FALSE(elsewhere->IsReadable(kQuiet));
  // Nobody hears of themselves.
  ExpectAlive(*watching);
}

TEST_P(FramesContractTest, ASessionGetsNoFramesFromBeforeItOpened) {
  const Person alice = NewPerson("alice"), bob = NewPerson("bob");
  const Socket first = Connect(alice);
  const Socket second = Connect(bob);
  EXPECT_FALSE(second->IsReadable(kQuiet));
  ExpectPresence(*first, bob.name, true);
}

// --- Readers ---

TEST_P(FramesContractTest, AReaderThatNeverReadsIsClosedAlone) {
  ClusterOptions options;
  options.engine = GetParam();
  options.edged["MAX_SEND_BUFFER_BYTES"] = "65536";
  options.edged["EDGE_THREADS"] = "1";
  Cluster small(options);
  const Person alice = small.NewPerson("alice", "a"), bob = small.NewPerson("bob", "a");
  const Person carol = small.NewPerson("carol", "c");
  const Socket carols = small.Connect(carol);
  const Socket deaf = small.Connect(bob, 4096);
  const Socket from = small.Connect(alice);
  bool bob_is_gone = false;
  // Alice's next echo; on the way to it she may hear that Bob went.
  const auto read_echo = [&] {
    while (true) {
      const rapidjson::Document json = from->ReadJson();
      if (json.HasMember("username")) bob_is_gone = true;
      if (json.HasMember("id") || json.HasMember("closed")) return json.HasMember("id");
    }
  };
  const std::string text(50'000, 'x');
  size_t sent = 0;
  while (!bob_is_gone) {
    // More than what the kernel's buffers and the edge take together.
    ASSERT_LT(++sent, 500u);
    from->SendMessage("bob", text);
    ASSERT_TRUE(read_echo());
    // Nobody else notices.
    from->SendMessage("carol", "quick");
    ASSERT_TRUE(read_echo());
    ASSERT_EQ(carols->ReadJson()["message"], "quick");
  }
  EXPECT_EQ(deaf->ReadUntilClosed(), 1013);
  // What it missed is in the history.
  const HttpReply reply =
      Ask(small.port(), "GET", "/messages?from=bob&to=alice", {bob.authorization});
  rapidjson::Document json;
  json.Parse(reply.body);
  EXPECT_EQ(json["result"].Size(), sent);
}

TEST_P(FramesContractTest, PingsAreAnswered) {
  const Socket socket = Connect(NewPerson("alice"));
  socket->SendFrame(Opcode::kPing, "are you there");
  const Frame pong = socket->ReadAny();
  EXPECT_EQ(pong.opcode, Opcode::kPong);
  EXPECT_EQ(pong.payload, "are you there");
}

// --- Stopping ---

TEST_P(FramesContractTest, AnEdgeThatStopsClosesAfterWhatIsCommitted) {
  ClusterOptions options;
  options.engine = GetParam();
  Cluster own(options);
  const Person alice = own.NewPerson("alice", "g");
  const Socket socket = own.Connect(alice);
  for (int i = 0; i < 50; ++i) socket->SendMessage("alice", absl::StrCat(i));
  ASSERT_TRUE(socket->ReadJson().HasMember("id"));
  own.edged().Signal(SIGTERM);
  int received = 1;
  while (true) {
    const rapidjson::Document json = socket->ReadJson();
    if (json.HasMember("closed")) {
      EXPECT_EQ(json["closed"], 1001);
      break;
    }
    ++received;
  }
  EXPECT_EQ(own.edged().Wait(kTestDeadline), 0);
  own.StartEdged();
  own.WaitUntilReady();
  const HttpReply reply =
      Ask(own.port(), "GET", "/messages?from=alice&to=alice", {alice.authorization});
  rapidjson::Document json;
  json.Parse(reply.body);
  EXPECT_GE(static_cast<int>(json["result"].Size()), received);
}

TEST_P(FramesContractTest, ChatdAwayIs503AndSocketsClose1012) {
  ClusterOptions options;
  options.engine = GetParam();
  Cluster own(options);
  const Person alice = own.NewPerson("alice", "g");
  const std::string token = own.TokenFor(alice);
  const Socket socket = own.Connect(alice);
  own.StopChatd();
  EXPECT_EQ(socket->ReadUntilClosed(), 1012);
  for (const std::string path : {"/ws_token", "/connections", "/messages?from=a&to=b"}) {
    const HttpReply reply = Ask(own.port(), "GET", path, {alice.authorization});
    EXPECT_EQ(reply.status, 503) << path;
    EXPECT_EQ(reply.headers.count("retry-after"), 1u);
  }
  HttpReply refusal;
  EXPECT_EQ(WebSocketClient::Connect(own.port(), token, &refusal), nullptr);
  EXPECT_EQ(refusal.status, 503);
  EXPECT_EQ(Ask(own.port(), "GET", "/healthz").status, 200);
  own.StartChatd();
  own.WaitUntilReady();
  // The token was stored, and is still good.
  const Socket again = WebSocketClient::Connect(own.port(), token);
  ASSERT_NE(again, nullptr);
  again->SendMessage("alice", "back");
  ExpectMessage(*again, "alice", "alice", "back");
}

TEST_P(FramesContractTest, ARestartForgetsNothing) {
  ClusterOptions options;
  options.engine = GetParam();
  Cluster own(options);
  const Person alice = own.NewPerson("alice", "g"), bob = own.NewPerson("bob", "g");
  own.TokenFor(bob);
  {
    const Socket socket = own.Connect(alice);
    for (int i = 0; i < 3; ++i) socket->SendMessage("bob", absl::StrCat(i));
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(socket->ReadJson().HasMember("id"));
  }
  const auto state = [&] {
    return Ask(own.port(), "GET", "/messages?from=bob&to=alice", {bob.authorization})
               .body +
           Ask(own.port(), "GET", "/connections", {bob.authorization}).body;
  };
  // The end of a session is told to nobody who could wait for it here.
  std::string before;
  do {
    before = state();
  } while (before.find("true") != std::string::npos);
  own.StopEdged();
  own.StopChatd();
  own.StartChatd();
  own.StartEdged();
  own.WaitUntilReady();
  EXPECT_EQ(state(), before);
}

}  // namespace
}  // namespace chatter::testing
