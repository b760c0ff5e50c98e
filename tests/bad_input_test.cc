// What clients may send by mistake or by malice: a clear error or a clean close each
// time, and everybody else goes on.
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

// One cluster; a user who is connected all the time must notice nothing of all this.
class BadInputTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ClusterOptions options;
    options.edged["EDGE_THREADS"] = "1";  // the same one for everybody
    cluster_ = new Cluster(options);
    bystander_ = cluster_->Connect(cluster_->NewPerson("bystander", "g")).release();
  }
  static void TearDownTestSuite() {
    delete bystander_;
    delete cluster_;
  }

  void TearDown() override {
    bystander_->SendMessage("bystander", "still here");
    const auto json = bystander_->ReadJson();
    ASSERT_TRUE(json.HasMember("message"));
    EXPECT_EQ(json["message"], "still here");
  }

  static std::unique_ptr<WebSocketClient> Connect() {
    // In a group of its own, which the bystander does not hear of.
    const std::string name = absl::StrCat("user", ++users_);
    return cluster_->Connect(cluster_->NewPerson(name, name));
  }

  // The status with which these bytes are answered before the connection closes; 0:
  // closed without an answer.
  static int StatusOf(const std::string& bytes) {
    HttpConnection connection(cluster_->port());
    connection.tcp().Send(bytes);
    const auto reply = connection.Read();
    if (!reply.has_value()) return 0;
    EXPECT_EQ(reply->headers.at("connection"), "close") << bytes.substr(0, 200);
    std::string rest;
    EXPECT_FALSE(connection.tcp().Receive(rest)) << bytes.substr(0, 200);
    return reply->status;
  }

  static std::string Request(const std::string& headers, const std::string& body = "") {
    return "POST /user HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n" + body;
  }

  static Cluster* cluster_;
  static WebSocketClient* bystander_;
  static int users_;
};

Cluster* BadInputTest::cluster_ = nullptr;
WebSocketClient* BadInputTest::bystander_ = nullptr;
int BadInputTest::users_ = 0;

// --- HTTP ---

TEST_F(BadInputTest, WhatIsNoHttpIsRefused) {
  EXPECT_EQ(StatusOf("garbage\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("\x16\x03\x01"), 400);  // TLS
  EXPECT_EQ(StatusOf(std::string("\0\0\0\0\r\n\r\n", 8)), 400);
  EXPECT_EQ(StatusOf("GET\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTQ/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("G@T / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET http//x HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET /%00 HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(StatusOf("GET / HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(StatusOf("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST_F(BadInputTest, MalformedHeadersAreRefused) {
  EXPECT_EQ(StatusOf(Request("no colon\r\n")), 400);
  EXPECT_EQ(StatusOf(Request(": empty name\r\n")), 400);
  EXPECT_EQ(StatusOf(Request("Spaced : x\r\n")), 400);
  EXPECT_EQ(StatusOf(Request("X: a\r\n folded\r\n")), 400);
  EXPECT_EQ(StatusOf(Request("X: a\nY: b\r\n")), 400);
  EXPECT_EQ(StatusOf(Request("X: a\rb\r\n")), 400);
  EXPECT_EQ(StatusOf(Request(std::string("X: a\0b\r\n", 8))), 400);
}

TEST_F(BadInputTest, WhatIsTooLargeIsRefused) {
  EXPECT_EQ(StatusOf(Request("X: " + std::string(20'000, 'x') + "\r\n")), 431);
  EXPECT_EQ(StatusOf("GET /" + std::string(20'000, 'x')), 431);
  EXPECT_EQ(StatusOf(Request("Content-Length: 65537\r\n")), 413);
  EXPECT_EQ(StatusOf(Request("Content-Length: 99999999999999999999999\r\n")), 413);
}

TEST_F(BadInputTest, BodiesOfUnclearLengthAreRefused) {
  EXPECT_EQ(StatusOf(Request("Transfer-Encoding: chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")),
            411);
  EXPECT_EQ(
      StatusOf(Request("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", "{}")),
      400);
  EXPECT_EQ(
      StatusOf(Request("Transfer-Encoding: identity\r\nContent-Length: 2\r\n", "{}")),
      400);
  EXPECT_EQ(StatusOf(Request("Content-Length: -1\r\n")), 400);
  EXPECT_EQ(StatusOf(Request("Content-Length: +2\r\n", "{}")), 400);
  EXPECT_EQ(StatusOf(Request("Content-Length: 0x2\r\n", "{}")), 400);
  EXPECT_EQ(StatusOf(Request("Content-Length: 2, 2\r\n", "{}")), 400);
  EXPECT_EQ(StatusOf(Request("Content-Length: 2\r\nContent-Length: 3\r\n", "{}")), 400);
}

TEST_F(BadInputTest, ARequestMayComeByteByByte) {
  HttpConnection connection(cluster_->port());
  for (const char byte : RequestText("GET", "/healthz")) {
    connection.tcp().Send(std::string(1, byte));
  }
  EXPECT_EQ(connection.Read()->status, 200);
}

TEST_F(BadInputTest, WhoAsksWithoutReadingIsNotReadEither) {
  TcpClient flood(cluster_->port(), 4096);
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += RequestText("GET", "/app.js");
  // Each request is answered with many times its size: were all of them read, there would
  // be gigabytes of answers.
  const size_t taken = flood.SendUntilBlocked(requests, 64 << 20);
  EXPECT_LT(taken, size_t{32} << 20);
}

// --- WebSocket frames ---

TEST_F(BadInputTest, BrokenFramesCloseWith1002) {
  const std::vector<std::string> broken = {
      std::string("\x81\x02hi", 4),        // not masked
      std::string("\xc1\x80\1\2\3\4", 6),  // a reserved bit
      std::string("\x83\x80\1\2\3\4", 6),  // a reserved opcode
      std::string("\x8b\x80\1\2\3\4", 6),  // a reserved control opcode
      std::string("\x09\x80\1\2\3\4", 6),  // a control frame in parts
      std::string("\x80\x80\1\2\3\4", 6),  // a continuation of nothing
      std::string("\x89\xfe\x00\x7e\1\2\3\4", 8) + std::string(126, 'x'),  // a long ping
      std::string("\x88\x81\1\2\3\4x", 7),         // a close of one byte
      std::string("\x88\x82\0\0\0\0\x03\xec", 8),  // close code 1004
  };
  for (const std::string& bytes : broken) {
    const auto socket = Connect();
    socket->tcp().Send(bytes);
    EXPECT_EQ(socket->ReadUntilClosed(), 1002) << ::testing::PrintToString(bytes);
  }
}

TEST_F(BadInputTest, InterleavedMessagesCloseWith1002) {
  const auto socket = Connect();
  socket->SendFrame(Opcode::kText, "{", false);
  socket->SendFrame(Opcode::kText, "{}", true);
  EXPECT_EQ(socket->ReadUntilClosed(), 1002);
}

TEST_F(BadInputTest, InvalidUtf8ClosesWith1007) {
  for (const std::string bytes :
       {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "abc\xe2\x82"}) {
    const auto socket = Connect();
    socket->SendText(bytes);
    EXPECT_EQ(socket->ReadUntilClosed(), 1007);
  }
}

TEST_F(BadInputTest, HugeLengthsCloseWith1009) {
  const auto socket = Connect();
  socket->tcp().Send(std::string("\x81\xff\x00\x00\x00\xff\xff\xff\xff\xff\1\2\3\4", 14));
  EXPECT_EQ(socket->ReadUntilClosed(), 1009);
}

TEST_F(BadInputTest, FragmentsAndControlFramesBetweenThemAreFine) {
  const std::string name = absl::StrCat("user", users_ + 1);
  const auto socket = Connect();
  const std::string message = OldMessage(name, "in parts");
  socket->SendFrame(Opcode::kText, message.substr(0, 5), false);
  socket->SendFrame(Opcode::kPing, "between");
  socket->SendFrame(Opcode::kContinuation, message.substr(5, 5), false);
  socket->SendFrame(Opcode::kContinuation, message.substr(10), true);
  const Frame pong = socket->ReadAny();
  EXPECT_EQ(pong.opcode, Opcode::kPong);
  EXPECT_EQ(pong.payload, "between");
  EXPECT_EQ(socket->ReadJson()["message"], "in parts");
}

TEST_F(BadInputTest, NoiseNeverHurtsAnybodyElse) {
  std::mt19937 random(20261123);
  const auto byte = [&] { return static_cast<char>(random()); };
  for (int round = 0; round < 200; ++round) {
    std::string noise(random() % 300 + 1, '\0');
    for (char& each : noise) each = byte();
    if (round % 2 == 0) {
      HttpConnection connection(cluster_->port());
      // Some of it behind a good beginning.
      connection.tcp().Send((round % 4 == 0 ? "GET /healthz HTTP/1.1\r\n" : "") + noise +
                            "\r\n\r\n");
      connection.tcp().FinishSending();
      connection.tcp().ReceiveAll();
    } else {
      const auto socket = Connect();
      socket->tcp().Send(noise);
      socket->tcp().FinishSending();
      socket->tcp().ReceiveAll();
    }
  }
}

TEST_F(BadInputTest, ConnectionsOverTheLimitAreTold503) {
  ClusterOptions options;
  options.edged["MAX_CONNECTIONS"] = "10";
  Cluster small(options);
  std::vector<std::unique_ptr<HttpConnection>> connections;
  for (int i = 0; i < 10; ++i) {
    connections.push_back(std::make_unique<HttpConnection>(small.port()));
    EXPECT_EQ(connections.back()->Ask("GET", "/healthz").status, 200);
  }
  const HttpReply refused = Ask(small.port(), "GET", "/healthz");
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.headers.count("retry-after"), 1u);
  connections.pop_back();
  // As soon as the edge has seen the end of that one.
  while (Ask(small.port(), "GET", "/healthz").status != 200) {
  }
}

}  // namespace
}  // namespace chatter::testing
