#include "services/chat/send.h"

#include <string>

#include "gtest/gtest.h"
#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

v1::Send Valid() {
  v1::Send send;
  send.set_to("bob");
  send.set_text("hello");
  return send;
}

std::string CodeOf(const v1::Send& send) {
  const std::optional<Refusal> refusal = CheckSend(send, "alice");
  return refusal.has_value() ? std::string(refusal->code) : "";
}

TEST(CheckSendTest, TakesTextOrImageOrBoth) {
  v1::Send send = Valid();
  EXPECT_EQ(CodeOf(send), "");
  send.set_image_path("/a.png");
  EXPECT_EQ(CodeOf(send), "");
  send.clear_text();
  EXPECT_EQ(CodeOf(send), "");
  send.clear_image_path();
  EXPECT_EQ(CodeOf(send), "empty_message");
}

TEST(CheckSendTest, TheSenderIsTheSessionsUser) {
  v1::Send send = Valid();
  send.set_from("alice");
  EXPECT_EQ(CodeOf(send), "");
  send.set_from("Alice");
  EXPECT_EQ(CodeOf(send), "wrong_sender");
}

TEST(CheckSendTest, ARecipientIsNeeded) {
  v1::Send send = Valid();
  send.clear_to();
  EXPECT_EQ(CodeOf(send), "unknown_recipient");
}

TEST(CheckSendTest, LengthsAreBounded) {
  v1::Send send = Valid();
  send.set_text(std::string(kMaxTextBytes, 'x'));
  send.set_image_path(std::string(kMaxImagePathBytes, 'x'));
  send.set_client_id(std::string(kMaxClientIdBytes, 'x'));
  EXPECT_EQ(CodeOf(send), "");
  v1::Send text = send;
  text.mutable_text()->push_back('x');
  EXPECT_EQ(CodeOf(text), "too_long");
  v1::Send image = send;
  image.mutable_image_path()->push_back('x');
  EXPECT_EQ(CodeOf(image), "too_long");
  v1::Send client_id = send;
  client_id.mutable_client_id()->push_back('x');
  EXPECT_EQ(CodeOf(client_id), "too_long");
}

TEST(CheckSendTest, NulIsRefusedEverywhere) {
  const std::string nul("a\0b", 3);
  for (auto set : {+[](v1::Send&s, const std::string&v) { s.set_text(v); },
                   +[](v1::Send&s, const std::string&v) { s.set_image_path(v); },
                   +[](v1::Send&s, const std::string&v) { s.set_client_id(v); },
                   +[](v1::Send&s, const std::string&v) { s.set_to(v); }}) {
    v1::Send send = Valid();
    set(send, nul);
    EXPECT_EQ(CodeOf(send), "bad_frame");
  }
}

TEST(RefusalTest, BecomesAnErrorFrameWithWhenToTryAgain) {
  v1::Error error;
  FillError(kUnavailableRefusal, "c1", error);
  EXPECT_EQ(error.client_id(), "c1");
  EXPECT_EQ(error.code(), "unavailable");
  EXPECT_EQ(error.retry_after_ms(), 2000);
  FillError(kUnknownRecipientRefusal, "", error);
  EXPECT_EQ(error.retry_after_ms(), 0);
  FillError(RateLimitedRefusal(absl::Microseconds(1001)), "", error);
  EXPECT_EQ(error.retry_after_ms(), 2);
}

TEST(RefusalTest, BecomesAStatusWithWhenToTryAgain) {
  const absl::Status limited = ToStatus(RateLimitedRefusal(absl::Milliseconds(20)));
  EXPECT_TRUE(absl::IsResourceExhausted(limited));
  EXPECT_EQ(limited.GetPayload(kRetryAfterMetadata), "20");
  EXPECT_FALSE(
      ToStatus(kUnknownRecipientRefusal).GetPayload(kRetryAfterMetadata).has_value());
}

}  // namespace
}  // namespace chatter::chat
