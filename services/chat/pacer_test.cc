#include "services/chat/pacer.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace chatter::chat {
namespace {

PendingSend FromTo(const std::string& from, const std::string& to) {
  PendingSend send;
  send.sender = std::make_shared<const User>(storage::User{from[0], from, ""});
  send.to = to;
  return send;
}

class PacerTest : public ::testing::Test {
 protected:
  // Of "ab", from a to b, and so on.
  absl::Duration PaceAfter(const std::vector<std::string>& sends) {
    std::vector<PendingSend> batch;
    for (const std::string& send : sends) {
      batch.push_back(FromTo(send.substr(0, 1), send.substr(1)));
    }
    return pacer_.PaceAfter(batch);
  }

  Pacer pacer_;
};

TEST_F(PacerTest, DoesNotHoldBackOneConversation) {
  PaceAfter({"ab"});
  EXPECT_EQ(PaceAfter({"ab"}), absl::ZeroDuration());
  EXPECT_EQ(PaceAfter({"ba", "ab"}), absl::ZeroDuration());
  EXPECT_EQ(PaceAfter({"ab", "ab", "ba"}), absl::ZeroDuration());
}

TEST_F(PacerTest, DoesNotHoldBackOneSender) {
  PaceAfter({"ab"});
  EXPECT_EQ(PaceAfter({"ac"}), absl::ZeroDuration());
  EXPECT_EQ(PaceAfter({"ad", "ab", "aa"}), absl::ZeroDuration());
}

TEST_F(PacerTest, GathersMessagesOfMany) {
  PaceAfter({"ab"});
  EXPECT_EQ(PaceAfter({"cd"}), kPace);
  EXPECT_EQ(PaceAfter({"cd", "ab"}), kPace);
  EXPECT_EQ(PaceAfter({"cd"}), kPace);  // the last one before was another
  EXPECT_EQ(PaceAfter({"cd"}), absl::ZeroDuration());
}

TEST_F(PacerTest, TellsConversationsOfTheSameRecipientApart) {
  PaceAfter({"ac"});
  EXPECT_EQ(PaceAfter({"bc"}), kPace);
}

}  // namespace
}  // namespace chatter::chat
