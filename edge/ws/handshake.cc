#include "edge/ws/handshake.h"

#include <openssl/sha.h>

#include <array>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace chatter::edge {
namespace {

// What shows that the server has understood the key: RFC 6455 section 1.3.
std::string AcceptKey(const std::string& key) {
  const std::string text = absl::StrCat(key, "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  std::array<unsigned char, SHA_DIGEST_LENGTH> hash;
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash.data());
  return absl::Base64Escape(
      absl::string_view(reinterpret_cast<const char*>(hash.data()), hash.size()));
}

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

std::string AcceptHandshake(const HttpRequest& request) {
  return absl::StrCat(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade"
      "\r\nSec-WebSocket-Accept: ",
      AcceptKey(request.Header("Sec-WebSocket-Key")), "\r\n\r\n");
}

}  // namespace chatter::edge
