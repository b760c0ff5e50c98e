// How a WebSocket writes the frames of a session. One codec a subprotocol.
#ifndef CHATTER_EDGE_WS_FRAME_CODEC_H_
#define CHATTER_EDGE_WS_FRAME_CODEC_H_

#include <string>
#include <string_view>

#include "chatter/v1/frames.pb.h"

namespace chatter::edge {

// Without state, so that one serves every thread.
class FrameCodec {
 public:
  virtual ~FrameCodec() = default;

  // Reads a message of the client into `frame`, which is empty. False: it is none of this
  // protocol's, and `frame` is in any state.
  virtual bool Decode(std::string_view payload, bool binary,
                      v1::ClientFrame& frame) const = 0;

  // Appends a frame for the client. False, and nothing appended, when the protocol does
  // not show this one.
  virtual bool Encode(const v1::ServerFrame& frame, std::string& out) const = 0;
};

// What a WebSocket without a subprotocol speaks: contract, "the old frames".
const FrameCodec& OldFrames();

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_WS_FRAME_CODEC_H_
