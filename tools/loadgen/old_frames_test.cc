#include "tools/loadgen/old_frames.h"

#include <string>

#include "gtest/gtest.h"
#include "tools/loadgen/ws_frames.h"

namespace chatter::loadgen {
namespace {

TEST(OldFramesTest, ATextCountsOn) {
  NumberedText text(12);
  EXPECT_EQ(text.view(), "0000000000xx");
  for (int i = 0; i < 1100; ++i) EXPECT_TRUE(text.Take(std::string(text.view())));
  EXPECT_EQ(text.view(), "0000001100xx");
  EXPECT_EQ(text.number(), 1100);
  EXPECT_EQ(NumberOf(text.view()), 1100);
}

TEST(OldFramesTest, OnlyTheNextTextIsTaken) {
  NumberedText text(12);
  EXPECT_FALSE(text.Take("0000000001xx"));
  EXPECT_TRUE(text.Take("0000000000xx"));
  for (const char* const other :
       {"0000000000xx", "0000000002xx", "0000000001xy", "0000000001x", ""}) {
    EXPECT_FALSE(text.Take(other));
  }
  EXPECT_EQ(text.number(), 1);
  EXPECT_TRUE(text.Take("0000000001xx"));
}

TEST(OldFramesTest, ReadsNumbers) {
  EXPECT_EQ(NumberOf("0000000042x"), 42);
  EXPECT_EQ(NumberOf("hello"), -1);
}

TEST(OldFramesTest, FramesAreNumberedMessages) {
  NumberedFrames frames("alice", "bob", 11);
  for (const std::string number : {"0000000000", "0000000001"}) {
    std::string got;
    frames.AppendNext(got);
    std::string want;
    AppendClientFrame(Opcode::kText,
                      "{\"username_from\":\"alice\",\"username_to\":\"bob\","
                      "\"message\":\"" +
                          number + "x\",\"image_path\":\"\"}",
                      want);
    EXPECT_EQ(got, want);
  }
}

TEST(OldFramesTest, ReadsAMessage) {
  const OldFrame frame = ReadOldFrame(
      R"({"id":77,"username_from":"alice","username_to":"bob","message":"hi",)"
      R"("image_path":"","created":"2026-11-23T08:11:21.123456Z"})");
  EXPECT_EQ(frame.kind, OldFrame::Kind::kMessage);
  EXPECT_EQ(frame.from, "alice");
  EXPECT_EQ(frame.text, "hi");
}

TEST(OldFramesTest, ReadsPresence) {
  const OldFrame came = ReadOldFrame(R"({"username":"bob","active":true})");
  EXPECT_EQ(came.kind, OldFrame::Kind::kPresence);
  EXPECT_EQ(came.user, "bob");
  EXPECT_TRUE(came.active);
  EXPECT_FALSE(ReadOldFrame(R"({"username":"bob","active":false})").active);
}

TEST(OldFramesTest, TakesNothingElseForOne) {
  for (const char* const payload :
       {"", "{}", R"({"error":{"code":"overloaded","message":"later"}})", R"({"id":1})",
        R"({"id":1,"username_from":"alice"})", R"({"username":"bob)"}) {
    EXPECT_EQ(ReadOldFrame(payload).kind, OldFrame::Kind::kOther) << payload;
  }
}

}  // namespace
}  // namespace chatter::loadgen
