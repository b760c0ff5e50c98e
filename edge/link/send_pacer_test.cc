#include "edge/link/send_pacer.h"

#include <initializer_list>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

constexpr absl::Duration kPause = SendPacer::kPause;
constexpr absl::Duration kNone = absl::ZeroDuration();

class SendPacerTest : public ::testing::Test {
 protected:
  absl::Duration PauseAfter(std::initializer_list<uint64_t> sessions) {
    for (const uint64_t session : sessions) pacer_.OnSend(session);
    return pacer_.PauseAfterFlush(now_);
  }

  SendPacer pacer_;
  absl::Duration now_ = absl::Hours(1);
};

TEST_F(SendPacerTest, DoesNotHoldBackOneOrTwo) {
  for (const uint64_t session : {1, 1, 2, 1, 2, 2, 1}) {
    if (session == 1) now_ += kPause;
    EXPECT_EQ(PauseAfter({session}), kNone);
  }
  EXPECT_EQ(PauseAfter({1, 2, 1}), kNone);
  EXPECT_EQ(PauseAfter({2}), kNone);
}

TEST_F(SendPacerTest, GathersMessagesOfMany) {
  EXPECT_EQ(PauseAfter({1, 2}), kNone);
  EXPECT_EQ(PauseAfter({3}), kPause);
  now_ += kPause;
  EXPECT_EQ(PauseAfter({1, 2}), kPause);
  now_ += kPause;
  EXPECT_EQ(PauseAfter({3, 2}), kPause);
}

TEST_F(SendPacerTest, AFlushWithoutAMessageIsNoReasonToPause) {
  EXPECT_EQ(PauseAfter({1, 2, 3}), kPause);
  now_ += kPause;
  EXPECT_EQ(PauseAfter({}), kNone);
}

TEST_F(SendPacerTest, DoesNotHoldBackAFlood) {
  uint64_t session = 0;
  for (int flush = 0; flush < 5; ++flush) {
    for (int i = 1; i < SendPacer::kMany; ++i) pacer_.OnSend(++session);
    EXPECT_EQ(PauseAfter({++session}), kNone) << flush;
    now_ += kPause;
  }
  // As many in each pause, in smaller flushes.
  for (int i = 0; i < 5 * SendPacer::kMany; ++i) {
    EXPECT_EQ(PauseAfter({++session}), kNone) << i;
    now_ += kPause / SendPacer::kMany;
  }
}

TEST_F(SendPacerTest, AFloodIsForgotten) {
  for (int i = 0; i < SendPacer::kMany; ++i) pacer_.OnSend(100 + i);
  EXPECT_EQ(PauseAfter({1}), kNone);
  now_ += 2 * kPause;
  EXPECT_EQ(PauseAfter({2, 3}), kPause);
}

}  // namespace
}  // namespace chatter::edge
