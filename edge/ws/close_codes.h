// Every code with which the edge closes a WebSocket: RFC 6455 section 7.4.1, and the
// registry that it starts.
#ifndef CHATTER_EDGE_WS_CLOSE_CODES_H_
#define CHATTER_EDGE_WS_CLOSE_CODES_H_

#include <cstdint>

namespace chatter::edge::close_code {

// The edge stops. Come back after a moment.
inline constexpr uint16_t kGoingAway = 1001;
// The peer broke RFC 6455; the engine closes with it (as with 1007 and 1009).
inline constexpr uint16_t kProtocolError = 1002;
// A text frame that is not UTF-8.
inline constexpr uint16_t kInvalidPayload = 1007;
// Ten bad frames in a row. Do not come back with the same client.
inline constexpr uint16_t kPolicyViolation = 1008;
// A frame over MAX_FRAME_BYTES.
inline constexpr uint16_t kMessageTooBig = 1009;
// The chat service is away or stops. Come back after a moment.
inline constexpr uint16_t kServiceRestart = 1012;
// The peer reads too slowly. Come back, and catch up from the history.
inline constexpr uint16_t kTryAgainLater = 1013;

}  // namespace chatter::edge::close_code

#endif  // CHATTER_EDGE_WS_CLOSE_CODES_H_
