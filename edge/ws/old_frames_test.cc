#include <string>

#include "edge/ws/frame_codec.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

bool Decode(std::string_view payload, v1::ClientFrame& frame) {
  frame.Clear();
  return OldFrames().Decode(payload, false, frame);
}

TEST(OldFramesTest, DecodesAMessage) {
  v1::ClientFrame frame;
  ASSERT_TRUE(
      Decode(R"( {"username_from":"a","username_to":"b","message":"h\u00e9\ud83d\ude42",)"
             R"("image_path":"/i","other":{"message":"no","deep":[[{}]]},"x":1} )",
             frame));
  EXPECT_EQ(frame.send().from(), "a");
  EXPECT_EQ(frame.send().to(), "b");
  EXPECT_EQ(frame.send().text(), "h\u00e9\U0001f642");
  EXPECT_EQ(frame.send().image_path(), "/i");
  EXPECT_EQ(frame.send().client_id(), "");
}

TEST(OldFramesTest, NullIsAsGoodAsNotThereAndTheLastMemberCounts) {
  v1::ClientFrame frame;
  ASSERT_TRUE(Decode(
      R"({"message":"x","message":null,"username_to":"a","username_to":"b"})", frame));
  EXPECT_EQ(frame.send().text(), "");
  EXPECT_EQ(frame.send().to(), "b");
  ASSERT_TRUE(Decode("{}", frame));
}

TEST(OldFramesTest, DecodesWhateverIsWrittenWithoutEscapesAlike) {
  v1::ClientFrame frame;
  for (const char* const payload :
       {R"({"username_to":"b\u00e9","message":"one","message":"two words"})",
        "{\"username_to\":\"b\u00e9\",\"message\":\"two words\"}",
        " {\t\"message\" :\r\n \"two words\" , \"username_to\":\"b\u00e9\" } ",
        R"({"message":"two words","username_to":"bé","unknown":0})"}) {
    ASSERT_TRUE(Decode(payload, frame)) << payload;
    EXPECT_EQ(frame.send().to(), "b\u00e9") << payload;
    EXPECT_EQ(frame.send().text(), "two words") << payload;
  }
}

TEST(OldFramesTest, RefusesWhatIsNoMessage) {
  v1::ClientFrame frame;
  for (const char* const payload : {"",
                                    "x",
                                    "[]",
                                    "\"x\"",
                                    "1",
                                    "null",
                                    "true",
                                    "{",
                                    "{}{}",
                                    "{,}",
                                    "{'a':1}",
                                    R"({"message":"x"}x)",
                                    R"({"message":"x",})",
                                    R"({"message":"x" "image_path":""})",
                                    R"({"message" "x"})",
                                    R"({"message":"x)",
                                    R"({"message":1})",
                                    R"({"message":{}})",
                                    R"({"message":[]})",
                                    R"({"username_to":false})",
                                    R"({"message":"\u0000"})",
                                    R"({"message":"\ud800"})",
                                    R"({"message":"\udc00"})",
                                    "{\"message\":\"\xff\"}",
                                    "{\"message\":\"a\nb\"}"}) {
    EXPECT_FALSE(Decode(payload, frame)) << payload;
  }
  EXPECT_FALSE(OldFrames().Decode("{}", true, frame));
}

TEST(OldFramesTest, EncodesMessagesPresenceAndErrors) {
  v1::ServerFrame frame;
  v1::Message& message = *frame.mutable_message();
  message.set_id(7);
  message.set_seq(3);
  message.set_from("a\"b");
  message.set_to("c");
  message.set_text("x\n\x01</script>");
  message.mutable_created()->set_seconds(1'700'000'000);
  message.mutable_created()->set_nanos(123'456'000);
  std::string out;
  EXPECT_TRUE(OldFrames().Encode(frame, out));
  EXPECT_EQ(out, R"({"id":7,"username_from":"a\"b","username_to":"c",)"
                 R"("message":"x\n\u0001</script>","image_path":"",)"
                 R"("created":"2023-11-14T22:13:20.123456Z"})");

  frame.mutable_presence()->set_user("a");
  frame.mutable_presence()->set_active(true);
  out.clear();
  EXPECT_TRUE(OldFrames().Encode(frame, out));
  EXPECT_EQ(out, R"({"username":"a","active":true})");

  frame.mutable_error()->set_code("bad_frame");
  frame.mutable_error()->set_message("No.");
  out.clear();
  EXPECT_TRUE(OldFrames().Encode(frame, out));
  EXPECT_EQ(out, R"({"error":{"code":"bad_frame","message":"No."}})");
  frame.mutable_error()->set_retry_after_ms(20);
  out.clear();
  EXPECT_TRUE(OldFrames().Encode(frame, out));
  EXPECT_EQ(out, R"({"error":{"code":"bad_frame","message":"No.","retry_after_ms":20}})");
}

TEST(OldFramesTest, DoesNotShowWhatOldClientsDoNotKnow) {
  v1::ServerFrame frame;
  std::string out;
  frame.mutable_welcome();
  EXPECT_FALSE(OldFrames().Encode(frame, out));
  frame.mutable_goaway();
  EXPECT_FALSE(OldFrames().Encode(frame, out));
  EXPECT_EQ(out, "");
}

}  // namespace
}  // namespace chatter::edge
