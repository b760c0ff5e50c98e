#include "services/chat/session_frames.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "services/chat/testing/recording_stream.h"
#include "storage/testing/temp_storage.h"

namespace chatter::chat {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SessionFramesTest : public testing::Test {
 protected:
  std::shared_ptr<Session> Open(const std::string& user, uint64_t id) {
    const storage::User stored = storage_.EnsureUsers({{user, "g"}})->front();
    auto session = std::make_shared<Session>(users_.Share(stored), stream_, id);
    OpenSession(services_, session);
    return session;
  }
  absl::Status Handle(const std::shared_ptr<Session>& session, v1::ClientFrame frame) {
    return HandleFrame(services_, session, frame);
  }
  absl::Status Send(const std::shared_ptr<Session>& session, const std::string& text,
                    const std::string& to = "alice") {
    v1::ClientFrame frame;
    frame.mutable_send()->set_to(to);
    frame.mutable_send()->set_text(text);
    return Handle(session, std::move(frame));
  }
  absl::Status Ping(const std::shared_ptr<Session>& session, const std::string& payload) {
    v1::ClientFrame frame;
    frame.mutable_ping()->set_payload(payload);
    return Handle(session, std::move(frame));
  }

  storage::TempStorage storage_;
  FakeClock clock_;
  ChatMetrics metrics_;
  SessionRegistry registry_{metrics_.deliveries};
  BlockingPool pool_{1, 1};
  UserDirectory users_{storage_, registry_, pool_};
  Outbox outbox_{storage_, nullptr, metrics_.notifications, clock_};
  WsTokens tokens_{storage_, metrics_, clock_};
  AppendQueue append_queue_{storage_, users_, registry_, outbox_, NotifyPolicy::kAlways,
                            metrics_, clock_};
  static constexpr int kMessageRate = 100;
  const MessageRate message_rate_{kMessageRate, clock_};
  const SessionServices services_{registry_,     append_queue_, tokens_,    users_,
                                  message_rate_, metrics_,      "the epoch"};
  const std::shared_ptr<RecordingStream> stream_ = std::make_shared<RecordingStream>();
};

TEST_F(SessionFramesTest, AWelcomeWithTheLimitsComesFirst) {
  Open("alice", 1);
  const std::vector<v1::Delivery> deliveries = stream_->Take();
  ASSERT_THAT(deliveries, SizeIs(1));
  EXPECT_THAT(deliveries[0].sessions(), ElementsAre(1));
  const v1::Welcome& welcome = deliveries[0].frame().welcome();
  EXPECT_EQ(welcome.user(), "alice");
  EXPECT_EQ(welcome.epoch(), "the epoch");
  EXPECT_EQ(welcome.limits().text_bytes(), 65'536);
  EXPECT_EQ(welcome.limits().image_path_bytes(), 2'048);
  EXPECT_EQ(welcome.limits().client_id_bytes(), 64);
  EXPECT_EQ(welcome.limits().unanswered_sends(), 256);

  Open("bob", 2);
  const std::vector<v1::Delivery> next = stream_->Take();
  ASSERT_THAT(next, SizeIs(2));
  EXPECT_EQ(Describe(next[0]), "2: welcome bob");
  EXPECT_NE(next[0].frame().welcome().session(), welcome.session());
  // Only after that is he listed.
  EXPECT_EQ(Describe(next[1]), "1: presence bob on");
}

TEST_F(SessionFramesTest, AFrameOfALaterVersionIsAnsweredAndTheSessionGoesOn) {
  const auto alice = Open("alice", 1);
  stream_->Take();
  v1::ClientFrame later;
  ASSERT_TRUE(later.ParseFromString(std::string("\x22\0", 2)));  // field 4, empty
  EXPECT_TRUE(Handle(alice, later).ok());
  EXPECT_TRUE(Handle(alice, v1::ClientFrame()).ok());
  EXPECT_THAT(stream_->TakeLines(),
              ElementsAre("1: error bad_frame", "1: error bad_frame"));
  EXPECT_TRUE(Ping(alice, "still here").ok());
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: pong still here"));
}

TEST_F(SessionFramesTest, ASecondHelloBreaksTheProtocol) {
  const auto alice = Open("alice", 1);
  stream_->Take();
  v1::ClientFrame hello;
  hello.mutable_hello();
  EXPECT_TRUE(absl::IsInvalidArgument(Handle(alice, hello)));
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
}

TEST_F(SessionFramesTest, APingsPayloadIsBounded) {
  const auto alice = Open("alice", 1);
  stream_->Take();
  const std::string largest(125, 'x');
  EXPECT_TRUE(Ping(alice, "").ok());
  EXPECT_TRUE(Ping(alice, largest).ok());
  EXPECT_TRUE(Ping(alice, largest + "x").ok());
  EXPECT_THAT(
      stream_->TakeLines(),
      ElementsAre("1: pong ", absl::StrCat("1: pong ", largest), "1: error too_long"));
}

TEST_F(SessionFramesTest, ASendIsAnsweredWhenItIsStoredOrRefused) {
  const auto alice = Open("alice", 1);
  const auto bob = Open("bob", 2);
  stream_->Take();
  EXPECT_TRUE(Send(alice, "hi", "bob").ok());
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1,2: message hi answers 1"));
  EXPECT_TRUE(Send(alice, "", "bob").ok());
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: error empty_message answers 1"));
  EXPECT_TRUE(Send(alice, "hi", "nobody").ok());
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: error unknown_recipient answers 1"));
}

TEST_F(SessionFramesTest, UnansweredSendsAreBoundedForEachSession) {
  const auto alice = Open("alice", 1);
  const auto bob = Open("bob", 2);
  stream_->Take();
  // The append queue is busy with the answer to a call.
  absl::Notification started, go_on;
  PendingSend call;
  call.sender = alice->user();
  call.to = "alice";
  call.text = "x";
  call.done = [&](const auto&) {
    started.Notify();
    go_on.WaitForNotification();
  };
  append_queue_.Submit(std::move(call));
  started.WaitForNotification();
  stream_->Take();

  for (int i = 0; i < kMaxUnansweredSends; ++i) EXPECT_TRUE(Send(alice, "x").ok());
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
  EXPECT_TRUE(Send(alice, "too many").ok());
  EXPECT_TRUE(Send(alice, "too many").ok());
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1: error overloaded answers 1",
                                                "1: error overloaded answers 1"));
  EXPECT_TRUE(Send(bob, "of another session", "bob").ok());
  EXPECT_THAT(stream_->TakeLines(), IsEmpty());
  go_on.Notify();
  append_queue_.Drain();
  std::vector<std::string> answers = stream_->TakeLines();
  ASSERT_THAT(answers, SizeIs(kMaxUnansweredSends + 1));
  EXPECT_EQ(answers.back(), "2: message of another session answers 2");
  answers.pop_back();
  EXPECT_THAT(answers, Each("1: message x answers 1"));

  // All were answered, the refused ones too: there is room for as many again.
  for (int i = 0; i < kMaxUnansweredSends; ++i) EXPECT_TRUE(Send(alice, "x").ok());
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(),
              AllOf(SizeIs(kMaxUnansweredSends), Each("1: message x answers 1")));
}

TEST_F(SessionFramesTest, AUsersMessagesAreCountedInAllSessionsTogether) {
  const auto laptop = Open("alice", 1);
  const auto phone = Open("alice", 2);
  const auto bob = Open("bob", 3);
  stream_->Take();
  for (int i = 0; i < 10 * kMessageRate; ++i) {
    ASSERT_TRUE(Send(i % 2 == 0 ? laptop : phone, "x", "carol").ok());
    if (i % 100 == 0) append_queue_.Drain();
  }
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(), AllOf(SizeIs(10 * kMessageRate),
                                          Each(HasSubstr(": error unknown_recipient"))));

  EXPECT_TRUE(Send(laptop, "too many").ok());
  EXPECT_TRUE(Send(phone, "too many").ok());
  const std::vector<v1::Delivery> refusals = stream_->Take();
  ASSERT_THAT(refusals, SizeIs(2));
  EXPECT_EQ(Describe(refusals[0]), "1: error rate_limited answers 1");
  EXPECT_EQ(Describe(refusals[1]), "2: error rate_limited answers 2");
  EXPECT_EQ(refusals[0].frame().error().retry_after_ms(), 1000 / kMessageRate);

  // What is no message does not count, nor what somebody else sends.
  EXPECT_TRUE(Send(phone, "").ok());
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("2: error empty_message answers 2"));
  EXPECT_TRUE(Send(bob, "hi", "bob").ok());
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("3: message hi answers 3"));

  clock_.Advance(absl::Milliseconds(1000 / kMessageRate));
  EXPECT_TRUE(Send(phone, "now", "alice").ok());
  EXPECT_TRUE(Send(phone, "too many").ok());
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("2: error rate_limited answers 2"));
  append_queue_.Drain();
  EXPECT_THAT(stream_->TakeLines(), ElementsAre("1,2: message now answers 2"));
}

TEST_F(SessionFramesTest, WithoutARateNothingIsCounted) {
  const MessageRate off(0, clock_);
  const User alice({1, "alice", "g"});
  for (int i = 0; i < 100'000; ++i) ASSERT_FALSE(off.Count(alice).has_value());
}

}  // namespace
}  // namespace chatter::chat
