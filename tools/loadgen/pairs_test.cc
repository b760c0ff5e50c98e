#include "tools/loadgen/pairs.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::loadgen {
namespace {

using ::testing::HasSubstr;

class Nobody : public WsClient::Owner {
 public:
  void OnText(std::string_view) override {}
  void OnClosed(int) override {}
};

// What a flow says to the frames that come; its own go nowhere.
class FlowTest : public ::testing::Test {
 protected:
  FlowTest() { flow_.Send(3); }

  std::string failure() const { return std::string(loop_.failure().message()); }

  EventLoop loop_;
  Nobody nobody_;
  WsClient client_{loop_, nobody_};
  const User alice_{"alice", ""};
  const User bob_{"bob", ""};
  Flow flow_{loop_, 0, alice_, bob_, client_, 11};
};

TEST_F(FlowTest, IsSettledWhenAllHaveComeAndComeBack) {
  for (const char* const text : {"0000000000x", "0000000001x", "0000000002x"}) {
    EXPECT_FALSE(flow_.is_settled());
    EXPECT_TRUE(flow_.OnMessage(text));
    EXPECT_TRUE(flow_.OnEcho(text));
  }
  EXPECT_TRUE(flow_.is_settled());
  EXPECT_TRUE(loop_.failure().ok());
}

TEST_F(FlowTest, SaysWhatIsMissing) {
  flow_.OnMessage("0000000000x");
  EXPECT_EQ(flow_.Missing(), "from alice to bob: 3 sent, 1 came, 0 came back");
}

TEST_F(FlowTest, AMessageThatIsLeftOutFails) {
  EXPECT_FALSE(flow_.OnMessage("0000000001x"));
  EXPECT_THAT(failure(), HasSubstr("bob got message 1 from alice to bob; number 0"));
}

TEST_F(FlowTest, AMessageThatComesTwiceFails) {
  EXPECT_TRUE(flow_.OnMessage("0000000000x"));
  EXPECT_FALSE(flow_.OnMessage("0000000000x"));
  EXPECT_THAT(failure(), HasSubstr("bob got message 0"));
}

TEST_F(FlowTest, AnEchoOutOfOrderFails) {
  EXPECT_TRUE(flow_.OnEcho("0000000000x"));
  EXPECT_FALSE(flow_.OnEcho("0000000002x"));
  EXPECT_THAT(failure(), HasSubstr("alice got message 2"));
}

TEST_F(FlowTest, AChangedTextFails) { EXPECT_FALSE(flow_.OnMessage("0000000000y")); }

TEST_F(FlowTest, AMessageThatWasNotSentFails) {
  for (const char* const text : {"0000000000x", "0000000001x", "0000000002x"}) {
    EXPECT_TRUE(flow_.OnMessage(text));
  }
  EXPECT_FALSE(flow_.OnMessage("0000000003x"));
}

}  // namespace
}  // namespace chatter::loadgen
