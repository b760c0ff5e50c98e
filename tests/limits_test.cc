// What one user and one address may do: README, "Limits".
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "edge/edge_server.h"
#include "edge/limits/process_memory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"
#include "storage/testing/process.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

// Well-formed, but nobody issued it.
const std::string& BadToken() {
  static const std::string token(43, 'x');
  return token;
}

struct FakeMemory : edge::ProcessMemory {
  int64_t ResidentBytes() override { return used; }
  void GiveBack() override {}

  std::atomic<int64_t> used{0};
};

// An edge in this process, with a clock and a memory that the test moves, and a chatd of
// its own.
class EdgeLimitsTest : public ::testing::Test {
 protected:
  EdgeLimitsTest() : cluster_(ClusterOptions()) {
    limits_.max_connections_per_address = 0;
    limits_.handshake_rate = 0;
  }

  // With the limits.
  void Start() {
    edge::EdgeOptions options;
    options.host = "127.0.0.1";
    options.port = 0;
    options.threads = 2;
    options.chat_target = cluster_.chat_target();
    options.limits = limits_;
    auto edge = edge::EdgeServer::Start(options, clock_, memory_);
    ASSERT_TRUE(edge.ok()) << edge.status();
    edge_ = *std::move(edge);
  }

  void TrustLoopback() {
    limits_.trusted_proxies = *edge::TrustedProxies::Parse({"127.0.0.0/8"});
  }

  // 503, which is not counted, until the thread that takes it has reached chatd.
  std::unique_ptr<WebSocketClient> Handshake(const std::string& token,
                                             const HeaderLines& headers = {}) {
    std::unique_ptr<WebSocketClient> socket;
    do {
      refusal_ = HttpReply();
      socket = WebSocketClient::Connect(edge_->port(), token, &refusal_, headers);
    } while (socket == nullptr && refusal_.status == 503);
    return socket;
  }
  std::unique_ptr<WebSocketClient> Connect(const HeaderLines& headers = {}) {
    return Handshake(cluster_.TokenFor(alice_), headers);
  }

  void ExpectTooMany() {
    EXPECT_EQ(refusal_.status, 429);
    EXPECT_GE(std::stoi(refusal_.headers["retry-after"]), 1);
    EXPECT_THAT(refusal_.body, HasSubstr("{\"result\":null,\"message\":[{"));
  }

  FakeClock clock_;
  FakeMemory memory_;
  Cluster cluster_;
  const Person alice_ = cluster_.NewPerson("alice", "g");
  edge::LimitOptions limits_;
  std::unique_ptr<edge::EdgeServer> edge_;
  HttpReply refusal_;
};

TEST_F(EdgeLimitsTest, ConnectionsOfOneAddressAreBoundedInAllThreads) {
  limits_.max_connections_per_address = 10;
  Start();
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < 10; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(edge_->port()));
    EXPECT_EQ(connections.back()->Ask("GET", "/healthz").status, 200);
  }
  for (int i = 0; i < 5; ++i) {
    refusal_ = Ask(edge_->port(), "GET", "/healthz");
    ExpectTooMany();
    EXPECT_EQ(refusal_.headers["connection"], "close");
  }
  // As soon as the edge has seen the end of that one.
  connections.pop_back();
  while (Ask(edge_->port(), "GET", "/healthz").status != 200) {
  }
}

TEST_F(EdgeLimitsTest, HandshakesOfOneAddressAreBoundedInAllThreads) {
  limits_.handshake_rate = 5;
  Start();
  const std::string token = cluster_.TokenFor(alice_);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Handshake(BadToken()), nullptr);
    EXPECT_EQ(refusal_.status, 403);
  }
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(Handshake(token), nullptr);
    ExpectTooMany();
    EXPECT_EQ(refusal_.headers["retry-after"], "1");
  }
  // Other requests go on.
  EXPECT_EQ(Ask(edge_->port(), "GET", "/healthz").status, 200);
  clock_.Advance(absl::Milliseconds(200));
  // Nobody has taken the token.
  EXPECT_NE(Handshake(token), nullptr);
  EXPECT_EQ(Handshake(BadToken()), nullptr);
  ExpectTooMany();
}

TEST_F(EdgeLimitsTest, ATrustedProxysClientsAreCountedByTheirOwnAddress) {
  TrustLoopback();
  limits_.max_connections_per_address = 2;
  Start();
  const HeaderLines one = {"X-Forwarded-For: 192.0.2.1"};
  auto first = Connect(one);
  const auto second = Connect({"X-Forwarded-For: 203.0.113.9, 192.0.2.1, 127.0.0.2"});
  ASSERT_TRUE(first != nullptr && second != nullptr);
  EXPECT_EQ(Connect(one), nullptr);
  ExpectTooMany();
  EXPECT_EQ(Connect({"X-Forwarded-For: 198.51.100.1", "X-Forwarded-For: 192.0.2.1"}),
            nullptr);
  ExpectTooMany();
  const auto other = Connect({"X-Forwarded-For: 192.0.2.2"});
  EXPECT_NE(other, nullptr);
  // All of one /64.
  const auto third = Connect({"X-Forwarded-For: 2001:db8::1"});
  const auto fourth = Connect({"X-Forwarded-For: 2001:db8::2"});
  EXPECT_TRUE(third != nullptr && fourth != nullptr);
  EXPECT_EQ(Connect({"X-Forwarded-For: 2001:db8::3"}), nullptr);
  ExpectTooMany();

  // Without a header that says it, the proxy itself.
  const auto fifth = Connect(), sixth = Connect({"X-Forwarded-For: unknown"});
  EXPECT_TRUE(fifth != nullptr && sixth != nullptr);
  EXPECT_EQ(Connect({"X-Forwarded-For: 192.0.2.7, unknown"}), nullptr);
  ExpectTooMany();
  // Its connections are not counted.
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < 10; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(edge_->port()));
    EXPECT_EQ(connections.back()->Ask("GET", "/healthz").status, 200);
  }

  first.reset();
  while (first == nullptr) first = Connect(one);
}

TEST_F(EdgeLimitsTest, ARefusedHandshakeOfAProxysConnectionLeavesNothingCounted) {
  TrustLoopback();
  limits_.max_connections_per_address = 1;
  Start();
  HeaderLines headers = HandshakeHeaders();
  headers.push_back("X-Forwarded-For: 192.0.2.1");
  HttpConnection connection(edge_->port());
  for (int refused = 0; refused < 3;) {
    const HttpReply reply = connection.Ask("GET", "/ws?token=" + BadToken(), headers);
    ASSERT_TRUE(reply.status == 403 || reply.status == 503) << reply.status;
    if (reply.status == 403) ++refused;
  }
  const auto socket = Connect({"X-Forwarded-For: 192.0.2.1"});
  EXPECT_NE(socket, nullptr);
  const HttpReply reply = connection.Ask("GET", "/ws?token=" + BadToken(), headers);
  EXPECT_EQ(reply.status, 429);
  // The connection goes on.
  EXPECT_EQ(connection.Ask("GET", "/healthz").status, 200);
}

TEST_F(EdgeLimitsTest, AProxysClientsHaveARateEach) {
  TrustLoopback();
  limits_.handshake_rate = 1;
  Start();
  for (const char* const client : {"X-Forwarded-For: 192.0.2.1", "X-Nothing: 1",
                                   "X-Forwarded-For: 192.0.2.2, 127.0.0.1"}) {
    EXPECT_EQ(Handshake(BadToken(), {client}), nullptr);
    EXPECT_EQ(refusal_.status, 403) << client;
    EXPECT_EQ(Handshake(BadToken(), {client}), nullptr);
    ExpectTooMany();
  }
}

TEST_F(EdgeLimitsTest, WhoIsNotTrustedMayWriteIntoTheHeaderWhatItLikes) {
  limits_.handshake_rate = 2;
  Start();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(Handshake(BadToken(), {absl::StrCat("X-Forwarded-For: 192.0.2.", i)}),
              nullptr);
    EXPECT_EQ(refusal_.status, i < 2 ? 403 : 429);
  }
}

TEST_F(EdgeLimitsTest, WithoutMemoryNobodyNewIsLetInAndTheOthersGoOn) {
  limits_.max_memory_bytes = 1'000'000;
  Start();
  const auto socket = Connect();
  ASSERT_NE(socket, nullptr);
  memory_.used = 1'000'001;
  clock_.Advance(absl::Seconds(1));
  do {
    refusal_ = Ask(edge_->port(), "GET", "/healthz");
  } while (refusal_.status == 200);
  EXPECT_EQ(refusal_.status, 503);
  EXPECT_EQ(refusal_.headers.count("retry-after"), 1u);
  socket->SendMessage("alice", "still here");
  EXPECT_EQ(socket->ReadJson()["message"], "still here");

  memory_.used = 900'000;
  clock_.Advance(absl::Seconds(1));
  while (Ask(edge_->port(), "GET", "/healthz").status != 200) {
  }
}

TEST(EdgedLimitsTest, SettingsReachTheProgram) {
  ClusterOptions options;
  options.edged["HANDSHAKE_RATE"] = "20";
  options.edged["MAX_CONNECTIONS_PER_ADDRESS"] = "3";
  options.edged["TRUSTED_PROXIES"] = "10.0.0.0/8, 127.0.0.1";
  options.edged["MAX_MEMORY_MB"] = "100000";
  Cluster cluster(options);
  const Person alice = cluster.NewPerson("alice", "g");
  const HeaderLines client = {"X-Forwarded-For: 192.0.2.1"};
  std::vector<std::unique_ptr<WebSocketClient>> sockets;
  for (int i = 0; i < 3; ++i) {
    sockets.push_back(WebSocketClient::Connect(cluster.port(), cluster.TokenFor(alice),
                                               nullptr, client));
    EXPECT_NE(sockets.back(), nullptr);
  }
  HttpReply refusal;
  EXPECT_EQ(WebSocketClient::Connect(cluster.port(), BadToken(), &refusal, client),
            nullptr);
  EXPECT_EQ(refusal.status, 429);
  EXPECT_THAT(refusal.body, HasSubstr("connections"));
  // Another client's, as fast as they go.
  do {
    WebSocketClient::Connect(cluster.port(), BadToken(), &refusal,
                             {"X-Forwarded-For: 192.0.2.2"});
  } while (refusal.status == 403);
  EXPECT_EQ(refusal.status, 429);
  EXPECT_THAT(refusal.body, HasSubstr("handshakes"));
  EXPECT_EQ(refusal.headers["retry-after"], "1");
}

TEST(EdgedLimitsTest, AMegabyteIsTooLittle) {
  const auto edged = Process::Start({{"edge/edged"},
                                     {{"HOST", "127.0.0.1"},
                                      {"PORT", "0"},
                                      {"CHAT_TARGET", "unix:/nowhere"},
                                      {"MAX_MEMORY_MB", "1"}},
                                     ""});
  const auto line = edged->WaitForLine("listening on ", kTestDeadline);
  ASSERT_TRUE(line.has_value()) << edged->Output();
  const int port = std::stoi(line->substr(line->rfind(':') + 1));
  while (Ask(port, "GET", "/healthz").status != 503) {
  }
  EXPECT_TRUE(edged->WaitForLine("new connections are refused", kTestDeadline));
}

TEST(EdgedLimitsTest, AWrongProxyStopsTheStartWithOneLine) {
  const auto edged =
      Process::Start({{"edge/edged"},
                      {{"PORT", "0"}, {"TRUSTED_PROXIES", "10.0.0.0/8,10.1.2.3/8"}},
                      ""});
  EXPECT_NE(edged->Wait(kTestDeadline), 0);
  EXPECT_EQ(edged->Output(),
            "edged: TRUSTED_PROXIES: '10.1.2.3/8' is no network, but an address in it\n");
}

TEST(MessageRateTest, WhatIsTooMuchIsToldSoAndTheRestIsStored) {
  ClusterOptions options;
  options.chatd["MESSAGE_RATE"] = "1";
  Cluster cluster(options);
  const Person alice = cluster.NewPerson("alice", "g");
  const auto laptop = cluster.Connect(alice), phone = cluster.Connect(alice);
  const auto bob = cluster.Connect(cluster.NewPerson("bob", "elsewhere"));

  // More than comes in by the second while this runs.
  constexpr int kSends = 200;
  for (int i = 0; i < kSends; ++i) laptop->SendMessage("alice", absl::StrCat(i));
  std::set<std::string> stored;
  int refused = 0;
  for (int i = 0; i < kSends; ++i) {
    const rapidjson::Document json = laptop->ReadJson();
    if (json.HasMember("id")) {
      stored.insert(json["message"].GetString());
      continue;
    }
    ++refused;
    EXPECT_STREQ(json["error"]["code"].GetString(), "rate_limited");
    EXPECT_GT(json["error"]["retry_after_ms"].GetInt(), 0);
    EXPECT_LE(json["error"]["retry_after_ms"].GetInt(), 1000);
  }
  EXPECT_GE(stored.size(), 10u);
  EXPECT_GT(refused, 0);
  // Nobody else has to wait.
  bob->SendMessage("bob", "hi");
  EXPECT_EQ(bob->ReadJson()["message"], "hi");

  // Later, and from elsewhere, it goes on.
  for (size_t i = 0; i < stored.size(); ++i) phone->ReadJsonWith("id");
  bool goes_on = false;
  while (!goes_on) {
    phone->SendMessage("alice", "at last");
    goes_on = phone->ReadJson().HasMember("id");
  }
  stored.insert("at last");
  const HttpReply reply =
      Ask(cluster.port(), "GET", "/messages?from=alice&to=alice", {alice.authorization});
  rapidjson::Document history;
  history.Parse(reply.body);
  std::set<std::string> texts;
  for (const auto& message : history["result"].GetArray()) {
    texts.insert(message["message"].GetString());
  }
  EXPECT_EQ(texts, stored);
}

}  // namespace
}  // namespace chatter::testing
