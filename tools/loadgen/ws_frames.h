// RFC 6455 section 5, as far as a client of edged needs it.
#ifndef CHATTER_TOOLS_LOADGEN_WS_FRAMES_H_
#define CHATTER_TOOLS_LOADGEN_WS_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chatter::loadgen {

enum class Opcode : uint8_t { kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };

// A view of the bytes that it was parsed from.
struct WsFrame {
  Opcode opcode;
  std::string_view payload;
};

enum class WsParse {
  kFrame,
  kPartial,  // there is more to come
  kBad,      // no frame that a server may send here: masked, fragmented, too long
};

inline constexpr size_t kMaxFrameBytes = 16 << 20;

// Takes the first frame off `bytes`.
WsParse TakeFrame(std::string_view& bytes, WsFrame& frame);

// Masked with a key of zeros, which leaves the payload as it is.
void AppendClientFrame(Opcode opcode, std::string_view payload, std::string& out);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_WS_FRAMES_H_
