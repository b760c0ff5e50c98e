#ifndef CHATTER_TESTS_SUPPORT_CLOCKED_EDGE_H_
#define CHATTER_TESTS_SUPPORT_CLOCKED_EDGE_H_

#include <memory>
#include <utility>

#include "edge/edge_server.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"
#include "tests/support/cluster.h"

namespace chatter::testing {

// An edge in this process, with a clock that the test moves, and a chatd of its own.
class ClockedEdgeTest : public ::testing::Test {
 protected:
  explicit ClockedEdgeTest(edge::EdgeOptions options = {}) : cluster_(ClusterOptions()) {
    options.host = "127.0.0.1";
    options.port = 0;
    options.chat_target = cluster_.chat_target();
    auto edge = edge::EdgeServer::Start(std::move(options), clock_);
    EXPECT_TRUE(edge.ok()) << edge.status();
    edge_ = *std::move(edge);
  }

  // The link may not be up yet: 503 until then.
  std::unique_ptr<WebSocketClient> Connect(const Person& person) {
    HttpReply refusal;
    do {
      auto socket =
          WebSocketClient::Connect(edge_->port(), cluster_.TokenFor(person), &refusal);
      if (socket != nullptr) return socket;
    } while (refusal.status == 503);
    ADD_FAILURE() << refusal.body;
    return nullptr;
  }

  FakeClock clock_;
  Cluster cluster_;
  std::unique_ptr<edge::EdgeServer> edge_;
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_CLOCKED_EDGE_H_
