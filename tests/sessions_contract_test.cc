// contract.md: how a WebSocket without a subprotocol opens, lasts and ends, and who hears
// of it.
#include <signal.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/frames_contract.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

using SessionsContractTest = FramesContractTest;

// For what must not come.
constexpr absl::Duration kQuiet = absl::Milliseconds(200);

CHATTER_INSTANTIATE_CONTRACT_TEST(SessionsContractTest);

// --- Opening ---

TEST_P(SessionsContractTest, ATokenOpensOneSocket) {
  const std::string token = cluster().TokenFor(NewPerson("alice"));
  const Socket socket = WebSocketClient::Connect(port(), token);
  ASSERT_NE(socket, nullptr);
  HttpReply refusal;
  EXPECT_EQ(WebSocketClient::Connect(port(), token, &refusal), nullptr);
  EXPECT_EQ(refusal.status, 403);
  ExpectAlive(*socket);
}

TEST_P(SessionsContractTest, ABadTokenIsRefusedBeforeTheUpgrade) {
  for (const std::string token : {"", "nobody", "%00", "a%ffb"}) {
    HttpReply refusal;
    EXPECT_EQ(WebSocketClient::Connect(port(), token, &refusal), nullptr);
    EXPECT_EQ(refusal.status, 403) << token;
    EXPECT_THAT(refusal.body, HasSubstr("\"result\":null"));
  }
  EXPECT_EQ(Ask(port(), "GET", "/ws", HandshakeHeaders()).status, 403);
}

TEST_P(SessionsContractTest, WhatIsNoUpgradeDoesNotConsumeTheToken) {
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

TEST_P(SessionsContractTest, TheOriginMustBeAllowed) {
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

TEST_P(SessionsContractTest, CompressionIsNeverAgreedOn) {
  // Connect checks that there is no such header in the answer.
  EXPECT_NE(WebSocketClient::Connect(
                port(), cluster().TokenFor(NewPerson("alice")), nullptr,
                {"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"}),
            nullptr);
}

// --- Presence ---

TEST_P(SessionsContractTest, OthersOfTheGroupSeeWhoComesAndGoes) {
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

TEST_P(SessionsContractTest, ASessionGetsNoFramesFromBeforeItOpened) {
  const Person alice = NewPerson("alice"), bob = NewPerson("bob");
  const Socket first = Connect(alice);
  const Socket second = Connect(bob);
  EXPECT_FALSE(second->IsReadable(kQuiet));
  ExpectPresence(*first, bob.name, true);
}

// --- Readers ---

TEST_P(SessionsContractTest, AReaderThatNeverReadsIsClosedAlone) {
  ClusterOptions options;
  options.engine = GetParam();
  options.edged["MAX_SEND_BUFFER_BYTES"] = "65536";
  options.chatd["MESSAGE_RATE"] = "0";
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

TEST_P(SessionsContractTest, PingsAreAnswered) {
  const Socket socket = Connect(NewPerson("alice"));
  socket->SendFrame(Opcode::kPing, "are you there");
  const Frame pong = socket->ReadAny();
  EXPECT_EQ(pong.opcode, Opcode::kPong);
  EXPECT_EQ(pong.payload, "are you there");
}

// --- Stopping ---

TEST_P(SessionsContractTest, AnEdgeThatStopsClosesAfterWhatIsCommitted) {
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
  EXPECT_EQ(static_cast<int>(json["result"].Size()), received);
}

TEST_P(SessionsContractTest, ChatdAwayIs503AndSocketsClose1012) {
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

TEST_P(SessionsContractTest, ARestartForgetsNothing) {
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
