#include "tools/loadgen/ws_frames.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::loadgen {
namespace {

// What a server would send: without the mask.
std::string ServerFrame(Opcode opcode, const std::string& payload) {
  std::string frame;
  AppendClientFrame(opcode, payload, frame);
  const size_t header = frame.size() - payload.size();
  EXPECT_EQ(frame.substr(header - 4, 4), std::string(4, '\0'));
  frame.erase(header - 4, 4);
  frame[1] = static_cast<char>(frame[1] & 0x7F);
  return frame;
}

TEST(WsFramesTest, AClientFrameIsAsTheStandardHasIt) {
  std::string frame;
  AppendClientFrame(Opcode::kText, "Hello", frame);
  EXPECT_EQ(frame, std::string("\x81\x85\0\0\0\0Hello", 11));
  frame.clear();
  AppendClientFrame(Opcode::kClose, "\x03\xE8", frame);
  EXPECT_EQ(frame, std::string("\x88\x82\0\0\0\0\x03\xE8", 8));
}

TEST(WsFramesTest, EveryLengthComesBack) {
  for (const size_t size : {0u, 1u, 125u, 126u, 127u, 65535u, 65536u, 70000u}) {
    const std::string payload(size, 'x');
    const std::string bytes =
        ServerFrame(Opcode::kText, payload) + ServerFrame(Opcode::kPing, "p");
    std::string_view rest = bytes;
    WsFrame frame;
    ASSERT_EQ(TakeFrame(rest, frame), WsParse::kFrame) << size;
    EXPECT_EQ(frame.opcode, Opcode::kText);
    EXPECT_EQ(frame.payload, payload);
    ASSERT_EQ(TakeFrame(rest, frame), WsParse::kFrame);
    EXPECT_EQ(frame.opcode, Opcode::kPing);
    EXPECT_EQ(frame.payload, "p");
    EXPECT_EQ(rest, "");
  }
}

TEST(WsFramesTest, WaitsForTheWholeFrame) {
  for (const size_t length : {5u, 200u, 66000u}) {
    const std::string bytes = ServerFrame(Opcode::kText, std::string(length, 'x'));
    for (size_t size = 0; size < bytes.size(); size += size < 20 ? 1 : 97) {
      std::string_view rest(bytes.data(), size);
      WsFrame frame;
      EXPECT_EQ(TakeFrame(rest, frame), WsParse::kPartial) << size;
      EXPECT_EQ(rest.size(), size);
    }
  }
}

TEST(WsFramesTest, RefusesWhatAServerMayNotSend) {
  const std::string masked("\x81\x81\0\0\0\0x", 7);
  const std::string not_final("\x01\x01x", 3);
  const std::string reserved_bit("\xC1\x01x", 3);
  const std::string continuation("\x80\x01x", 3);
  const std::string unknown("\x83\x01x", 3);
  const std::string too_long("\x81\x7F\x01\0\0\0\0\0\0\0", 10);
  for (const std::string& bytes :
       {masked, not_final, reserved_bit, continuation, unknown, too_long}) {
    std::string_view rest = bytes;
    WsFrame frame;
    EXPECT_EQ(TakeFrame(rest, frame), WsParse::kBad);
  }
}

}  // namespace
}  // namespace chatter::loadgen
