// How an edge stops: README, "DRAIN_SECONDS".
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/clocked_edge.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

edge::EdgeOptions Options() {
  edge::EdgeOptions options;
  options.drain = absl::Seconds(10);
  return options;
}

class DrainTest : public ClockedEdgeTest {
 protected:
  DrainTest() : ClockedEdgeTest(Options()) {}
  ~DrainTest() override {
    clock_.Advance(absl::Hours(1));
    if (stopper_.joinable()) stopper_.join();
  }

  // Returns when it takes no more connections.
  void BeginStop() {
    const int port = edge_->port();
    stopper_ = std::thread([this] { edge_->Stop(); });
    while (true) {
      HttpConnection connection(port);
      connection.tcp().Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
      if (!connection.Read().has_value()) return;
    }
  }

  static bool IsOpen(WebSocketClient& socket) {
    return socket.SendFrame(Opcode::kPing, "") &&
           socket.ReadAny().opcode == Opcode::kPong;
  }

  std::thread stopper_;
};

TEST_F(DrainTest, WebSocketsEndOneAfterTheOther) {
  std::vector<std::unique_ptr<WebSocketClient>> sockets;
  for (int i = 0; i < 4; ++i) {
    // Each in a group of its own: no news of each other.
    const std::string name = absl::StrCat("user", i);
    sockets.push_back(Connect(cluster_.NewPerson(name, name)));
  }
  BeginStop();
  for (const auto& socket : sockets) EXPECT_TRUE(IsOpen(*socket));
  clock_.Advance(absl::Seconds(6));
  EXPECT_EQ(sockets[0]->ReadUntilClosed(), 1001);
  EXPECT_EQ(sockets[1]->ReadUntilClosed(), 1001);
  EXPECT_TRUE(IsOpen(*sockets[2]));
  EXPECT_TRUE(IsOpen(*sockets[3]));
  // Those that are still open work as ever.
  sockets[2]->SendMessage("user3", "still here");
  EXPECT_STREQ(sockets[3]->ReadJson()["message"].GetString(), "still here");
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(sockets[2]->ReadUntilClosed(), 1001);
  EXPECT_EQ(sockets[3]->ReadUntilClosed(), 1001);
}

TEST_F(DrainTest, ARequestThatHasBegunIsAnswered) {
  TcpClient slow(edge_->port());
  slow.Send("GET /healthz HTTP/1.1\r\nHost: ");
  HttpConnection idle(edge_->port());
  EXPECT_EQ(idle.Ask("GET", "/healthz").status, 200);
  BeginStop();
  EXPECT_EQ(idle.tcp().ReceiveAll(), "");
  slow.Send("x\r\n\r\n");
  const std::string answer = slow.ReceiveAll();
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
}

}  // namespace
}  // namespace chatter::testing
