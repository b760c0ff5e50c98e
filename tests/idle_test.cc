// contract.md, "pings", with a clock that the test moves.
#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "tests/support/clocked_edge.h"

namespace chatter::testing {
namespace {

using IdleTest = ClockedEdgeTest;

TEST_F(IdleTest, ASilentPeerIsClosedAfterTwoPingsAndAnAnsweringOneStays) {
  const auto silent = Connect(cluster_.NewPerson("alice", "a"));
  const auto answering = Connect(cluster_.NewPerson("bob", "b"));
  for (int ping = 0; ping < 2; ++ping) {
    clock_.Advance(kPingInterval + absl::Seconds(1));
    EXPECT_EQ(silent->ReadAny().opcode, Opcode::kPing);
    EXPECT_EQ(answering->ReadAny().opcode, Opcode::kPing);
    answering->SendFrame(Opcode::kPong, "");
    // So that the pong has arrived.
    answering->SendFrame(Opcode::kPing, "");
    EXPECT_EQ(answering->ReadAny().opcode, Opcode::kPong);
  }
  clock_.Advance(kPingInterval + absl::Seconds(1));
  EXPECT_EQ(silent->ReadAny().close_code, 1006);
  EXPECT_EQ(answering->ReadAny().opcode, Opcode::kPing);
}

TEST_F(IdleTest, AHandshakeThatStallsIsToldSo) {
  TcpClient stalling(edge_->port());
  stalling.Send("GET /ws?token=x HTTP/1.1\r\nHost: local");
  HttpConnection healthy(edge_->port());
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);
  clock_.Advance(absl::Seconds(12));
  EXPECT_NE(stalling.ReceiveAll().find("HTTP/1.1 408 "), std::string::npos);
}

TEST_F(IdleTest, AConnectionThatAsksNothingIsClosed) {
  TcpClient silent(edge_->port());
  HttpConnection idle(edge_->port());
  EXPECT_EQ(idle.Ask("GET", "/healthz").status, 200);
  clock_.Advance(absl::Seconds(12));
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_EQ(idle.Ask("GET", "/healthz").status, 200);
  clock_.Advance(absl::Seconds(62));
  EXPECT_EQ(idle.tcp().ReceiveAll(), "");
}

}  // namespace
}  // namespace chatter::testing
