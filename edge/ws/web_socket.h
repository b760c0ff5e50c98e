// The WebSocket protocol (RFC 6455) over bytes that others read and send: the only place
// that knows websocketpp.
#ifndef CHATTER_EDGE_WS_WEB_SOCKET_H_
#define CHATTER_EDGE_WS_WEB_SOCKET_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace chatter::edge {

// The server's end of one WebSocket. Of one thread; none of the calls may be made from
// within the owner's functions but Send and Close.
class WebSocket {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Whole frames, or the handshake's answer.
    virtual void SendBytes(std::string_view bytes) = 0;
    // A complete message; text is valid UTF-8.
    virtual void OnMessage(const std::string& payload, bool binary) = 0;
    // The closing handshake has begun, on either side or because the peer broke the
    // protocol. No message follows.
    virtual void OnClosing() = 0;
    // It is over: nothing more is to be read or sent.
    virtual void OnClosed() = 0;
  };

  virtual ~WebSocket() = default;

  // Answers the handshake in `request_head` (checked before: see IsHandshake).
  virtual void Start(const std::string& request_head) = 0;
  // Bytes from the peer.
  virtual void Read(std::string_view bytes) = 0;
  virtual void SendText(const std::string& payload) = 0;
  virtual void Ping() = 0;
  // Begins the closing handshake with a code of close_codes.h.
  virtual void Close(uint16_t code, const std::string& reason) = 0;
};

// Makes the WebSockets of one thread, for messages up to a size: a larger one is closed
// 1009. Extensions are never agreed on, so that nothing is inflated.
class WebSocketEngine {
 public:
  virtual ~WebSocketEngine() = default;
  virtual std::unique_ptr<WebSocket> Make(WebSocket::Owner& owner) = 0;
};

std::unique_ptr<WebSocketEngine> MakeWebSocketEngine(size_t max_message_bytes);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_WS_WEB_SOCKET_H_
