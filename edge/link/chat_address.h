#ifndef CHATTER_EDGE_LINK_CHAT_ADDRESS_H_
#define CHATTER_EDGE_LINK_CHAT_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "services/base/tls.h"

namespace chatter::edge {

// Where the chat service is: CHAT_TARGET.
struct ChatAddress {
  std::string unix_path;  // or, when empty:
  std::string host;
  std::string port;

  // Of the edge as a client; none: without TLS.
  TlsFiles tls = {};
  std::string tls_name = {};  // whom chatd's certificate must be for
};

// Reads `unix:<path>` or `host:port`, where an IPv6 address is in brackets. With TLS the
// certificates must be usable now, too. kInvalidArgument says what is wrong; there is no
// TLS over Unix sockets.
absl::StatusOr<ChatAddress> ParseChatAddress(const std::string& target,
                                             const TlsFiles& tls = {},
                                             const std::string& tls_name = "");

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_CHAT_ADDRESS_H_
