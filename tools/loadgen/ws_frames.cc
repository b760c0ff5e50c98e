#include "tools/loadgen/ws_frames.h"

namespace chatter::loadgen {
namespace {

constexpr uint8_t kFinal = 0x80;
constexpr uint8_t kMasked = 0x80;
constexpr size_t kLength16 = 126;
constexpr size_t kLength64 = 127;
constexpr size_t kMaskBytes = 4;

size_t BigEndian(std::string_view bytes) {
  size_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

void AppendBigEndian(size_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

bool IsKnown(uint8_t opcode) {
  return opcode == 1 || opcode == 2 || (opcode >= 8 && opcode <= 10);
}

}  // namespace

WsParse TakeFrame(std::string_view& bytes, WsFrame& frame) {
  if (bytes.size() < 2) return WsParse::kPartial;
  const auto first = static_cast<uint8_t>(bytes[0]);
  const auto second = static_cast<uint8_t>(bytes[1]);
  const auto opcode = static_cast<uint8_t>(first ^ kFinal);
  if (!IsKnown(opcode) || (second & kMasked) != 0) return WsParse::kBad;
  size_t header = 2;
  size_t length = second;
  if (length >= kLength16) {
    const size_t more = length == kLength16 ? 2 : 8;
    if (bytes.size() < header + more) return WsParse::kPartial;
    length = BigEndian(bytes.substr(header, more));
    header += more;
  }
  if (length > kMaxFrameBytes) return WsParse::kBad;
  if (bytes.size() < header + length) return WsParse::kPartial;
  frame.opcode = static_cast<Opcode>(opcode);
  frame.payload = bytes.substr(header, length);
  bytes.remove_prefix(header + length);
  return WsParse::kFrame;
}

void AppendClientFrame(Opcode opcode, std::string_view payload, std::string& out) {
  out.push_back(static_cast<char>(kFinal | static_cast<uint8_t>(opcode)));
  if (payload.size() < kLength16) {
    out.push_back(static_cast<char>(kMasked | payload.size()));
  } else if (payload.size() <= 0xFFFF) {
    out.push_back(static_cast<char>(kMasked | kLength16));
    AppendBigEndian(payload.size(), 2, out);
  } else {
    out.push_back(static_cast<char>(kMasked | kLength64));
    AppendBigEndian(payload.size(), 8, out);
  }
  out.append(kMaskBytes, '\0');
  out.append(payload);
}

}  // namespace chatter::loadgen
