#ifndef CHATTER_TOOLS_LOADGEN_WS_CLIENT_H_
#define CHATTER_TOOLS_LOADGEN_WS_CLIENT_H_

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/tcp_connection.h"
#include "tools/loadgen/ws_frames.h"

namespace chatter::loadgen {

// One WebSocket without a subprotocol; it can be opened again once it is closed. Answers
// pings and closes.
class WsClient : public TcpConnection::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Valid until it returns.
    virtual void OnText(std::string_view payload) = 0;
    // The end of an open socket, whichever side began it. `code`: that of the server's
    // close frame; 1005: it had none; 1006: there was no close frame.
    virtual void OnClosed(int code) = 0;
    // It has been answered.
    virtual void OnPing() {}
  };
  using Opened = std::function<void(const absl::Status&)>;

  WsClient(EventLoop& loop, Owner& owner) : tcp_(loop, *this), owner_(owner) {}

  // `opened` runs once: OK when the server has switched protocols.
  void Open(const Target& target, uint32_t from, std::string_view token, Opened opened);
  bool is_open() const { return state_ == State::kOpen; }

  // Frames of AppendClientFrame, any number of them, in one write.
  void Send(std::string_view frames) { tcp_.Write(frames); }
  size_t waiting_bytes() const { return tcp_.waiting_bytes(); }
  // Sends a close with 1000; the server's answer ends it.
  void StartClose();
  // At once, without a word.
  void Cut();

 private:
  enum class State { kClosed, kConnecting, kOpen };

  void OnConnected() override;
  size_t OnBytes(std::string_view bytes) override;
  void OnDisconnected(const absl::Status& why) override;

  // Returns how many bytes the response has; 0: not all of it is there, or it is no 101.
  size_t ReadHandshake(std::string_view bytes);
  void HandleControl(Opcode opcode, std::string_view payload);
  void Refuse(const absl::Status& why);
  void End(int code);

  TcpConnection tcp_;
  Owner& owner_;
  Opened opened_;
  std::string request_;
  State state_ = State::kClosed;
  bool close_sent_ = false;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_WS_CLIENT_H_
