// A WebSocket client (RFC 6455) that can also misbehave.
#ifndef CHATTER_TESTS_SUPPORT_WEB_SOCKET_CLIENT_H_
#define CHATTER_TESTS_SUPPORT_WEB_SOCKET_CLIENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rapidjson/document.h"
#include "tests/support/http.h"

namespace chatter::testing {

// RFC 6455 section 11.8.
enum class Opcode : uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

struct Frame {
  Opcode opcode;
  std::string payload;
  // Of a close frame: its code, or 1005 when it has none. 1006: the connection ended
  // without one.
  int close_code = 0;
};

// The headers of a good handshake.
HeaderLines HandshakeHeaders();

class WebSocketClient {
 public:
  // Null when the handshake is refused; `refusal`, when given, gets the answer, with
  // status 0 when there is none.
  static std::unique_ptr<WebSocketClient> Connect(const Server& server,
                                                  const std::string& token,
                                                  HttpReply* refusal = nullptr,
                                                  const HeaderLines& more_headers = {},
                                                  int receive_buffer_bytes = 0);

  TcpClient& tcp() { return connection_->tcp(); }

  bool SendText(std::string_view text) { return SendFrame(Opcode::kText, text); }
  bool SendFrame(Opcode opcode, std::string_view payload, bool final = true,
                 bool masked = true);
  // The old frames.
  bool SendMessage(const std::string& to, const std::string& text);

  // The next frame but pings, which are answered, and pongs.
  Frame Read();
  // The next frame of any kind. A close is answered.
  Frame ReadAny();
  // The next text frame, which must be JSON. When the socket closes instead, an object
  // with the member "closed": the code.
  rapidjson::Document ReadJson();
  // Reads on until a frame that has this member; gives up at a close.
  rapidjson::Document ReadJsonWith(const char* member);
  // Reads until the socket closes, and returns the code.
  int ReadUntilClosed();
  // Whether anything comes within this time.
  bool IsReadable(absl::Duration within);

 private:
  explicit WebSocketClient(std::unique_ptr<HttpConnection> connection)
      : connection_(std::move(connection)), buffer_(connection_->TakeRest()) {}

  bool Fill(size_t bytes);

  std::unique_ptr<HttpConnection> connection_;
  std::string buffer_;
  bool closed_ = false;
};

// {"username_to", "message"} of the old frames.
std::string OldMessage(const std::string& to, const std::string& text);
std::string JsonString(std::string_view text);

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_WEB_SOCKET_CLIENT_H_
