// contract.md, "pings", with a clock that the test moves.
#include <openssl/ssl.h>

#include <memory>

#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "services/base/testing/certificates.h"
#include "tests/support/clocked_edge.h"

namespace chatter::testing {
namespace {

constexpr absl::Duration kRequestTimeout = absl::Seconds(10);
constexpr absl::Duration kKeepAlive = absl::Seconds(60);

class IdleTest : public ClockedEdgeTest {
 protected:
  IdleTest() : ClockedEdgeTest(Options()) {}

 private:
  static edge::EdgeOptions Options() {
    edge::EdgeOptions options;
    options.request_timeout = kRequestTimeout;
    options.keep_alive = kKeepAlive;
    return options;
  }
};

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
  clock_.Advance(kRequestTimeout + absl::Seconds(2));
  EXPECT_NE(stalling.ReceiveAll().find("HTTP/1.1 408 "), std::string::npos);
}

TEST_F(IdleTest, AConnectionThatAsksNothingIsClosed) {
  TcpClient silent(edge_->port());
  HttpConnection idle(edge_->port());
  EXPECT_EQ(idle.Ask("GET", "/healthz").status, 200);
  clock_.Advance(kRequestTimeout + absl::Seconds(2));
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_EQ(idle.Ask("GET", "/healthz").status, 200);
  clock_.Advance(kKeepAlive + absl::Seconds(2));
  EXPECT_EQ(idle.tcp().ReceiveAll(), "");
}

TEST_F(IdleTest, EachRequestOfAConnectionHasItsOwnTime) {
  const std::string request = RequestText("GET", "/healthz");
  HttpConnection connection(edge_->port());
  EXPECT_EQ(connection.Ask("GET", "/healthz").status, 200);
  // Shows, by its end, that the edge has seen the time after this.
  clock_.Advance(kKeepAlive - absl::Seconds(8));
  TcpClient silent(edge_->port());
  HttpConnection healthy(edge_->port());
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);

  // One begins just before the connection has been idle for too long.
  clock_.Advance(absl::Seconds(7));
  connection.tcp().Send(request.substr(0, 20));
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);
  clock_.Advance(kRequestTimeout - absl::Seconds(2));
  EXPECT_EQ(silent.ReceiveAll(), "");
  connection.tcp().Send(request.substr(20));
  EXPECT_EQ(connection.Read()->status, 200);

  // It has no more than that, either, with its body.
  connection.tcp().Send("POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{");
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);
  clock_.Advance(kRequestTimeout + absl::Seconds(2));
  EXPECT_EQ(connection.Read()->status, 408);
}

class TlsIdleTest : public ClockedEdgeTest {
 protected:
  TlsIdleTest() : ClockedEdgeTest(WithTls()) {}

 private:
  static edge::EdgeOptions WithTls() {
    const CertificateAuthority ca("ca");
    edge::EdgeOptions options;
    options.tls = WriteTlsFiles(::testing::TempDir(), "idle_test", ca.Issue("edge"), ca);
    options.tls.ca = "";
    return options;
  }
};

TEST_F(TlsIdleTest, ATlsHandshakeThatStallsIsClosed) {
  const std::shared_ptr<SSL_CTX> tls(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  TcpClient silent(edge_->port()), stalling(edge_->port());
  stalling.Send("\x16\x03\x01");  // how a client's hello begins
  // All of them are accepted by now.
  HttpConnection healthy({edge_->port(), tls});
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);
  clock_.Advance(absl::Seconds(12));
  EXPECT_EQ(silent.ReceiveAll(), "");
  EXPECT_EQ(stalling.ReceiveAll(), "");
  EXPECT_EQ(healthy.Ask("GET", "/healthz").status, 200);
}

}  // namespace
}  // namespace chatter::testing
