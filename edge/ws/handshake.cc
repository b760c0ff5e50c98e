#include "edge/ws/handshake.h"

#include <string>

#include "absl/strings/escaping.h"

namespace chatter::edge {
namespace {

// 16 bytes in base64.
bool IsKey(const std::string& key) {
  std::string nonce;
  return key.size() == 24 && absl::Base64Unescape(key, &nonce) && nonce.size() == 16;
}

}  // namespace

std::optional<HttpAnswer> RefuseHandshake(const HttpRequest& request,
                                          const CorsPolicy& cors) {
  if (!request.wants_upgrade() || request.version() != "HTTP/1.1" ||
      !request.body().empty()) {
    return MessageAnswer(400, "This path is for WebSockets");
  }
  if (request.Header("Sec-WebSocket-Version") != "13") {
    HttpAnswer answer = MessageAnswer(426, "WebSocket version 13 is spoken here");
    answer.headers.emplace_back("Sec-WebSocket-Version", "13");
    return answer;
  }
  if (!IsKey(request.Header("Sec-WebSocket-Key"))) {
    return MessageAnswer(400, "Sec-WebSocket-Key is not 16 bytes in base64");
  }
  if (!cors.MayConnect(request.Header("Origin"), request.Header("Host"))) {
    return MessageAnswer(403, "This origin may not connect");
  }
  return std::nullopt;
}

}  // namespace chatter::edge
