// The WebSocket protocol (RFC 6455) over bytes that others read and send, after the
// handshake: the only place that knows websocketpp's framing.
#ifndef CHATTER_EDGE_WS_WEB_SOCKET_H_
#define CHATTER_EDGE_WS_WEB_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/types/span.h"

namespace chatter::edge {

// The server's end of one WebSocket. Of one thread; none of the calls may be made from
// within the owner's functions but Send, Ping and Close.
class WebSocket {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Whole frames.
    virtual void SendBytes(std::string_view bytes) = 0;
    // A complete message; text is valid UTF-8. False: take no more of them now.
    virtual bool OnMessage(std::string_view payload, bool binary) = 0;
    // The closing handshake has begun: by the peer, or, with this code, because the peer
    // broke the protocol. No message follows.
    virtual void OnClosing(std::optional<uint16_t> code) = 0;
    // It is over: nothing more is to be read or sent.
    virtual void OnClosed() = 0;
  };

  virtual ~WebSocket() = default;

  // Bytes from the peer, whose masking is undone in place. Returns how many it took: all,
  // unless the owner wanted no more messages.
  virtual size_t Read(absl::Span<char> bytes) = 0;
  // Sends a whole frame, unless it is closing.
  virtual void Send(std::string_view frame) = 0;
  virtual void Ping() = 0;
  // Begins the closing handshake with a code of close_codes.h. The owner, who wants it,
  // hears no OnClosing.
  virtual void Close(uint16_t code, std::string_view reason) = 0;
};

// Makes the WebSockets of one thread, for messages up to a size: a larger one is closed
// 1009. Extensions are never agreed on, so that nothing is inflated.
class WebSocketEngine {
 public:
  virtual ~WebSocketEngine() = default;
  virtual std::unique_ptr<WebSocket> Make(WebSocket::Owner& owner) = 0;
};

std::unique_ptr<WebSocketEngine> MakeWebSocketEngine(size_t max_message_bytes);

// The frame that carries a text to a client: it is the same for every client.
void AppendTextFrame(std::string_view payload, std::string& out);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_WS_WEB_SOCKET_H_
