#ifndef CHATTER_EDGE_LINK_CHAT_ADDRESS_H_
#define CHATTER_EDGE_LINK_CHAT_ADDRESS_H_

#include <string>

#include "absl/status/statusor.h"

namespace chatter::edge {

// Where the chat service is: CHAT_TARGET.
struct ChatAddress {
  std::string unix_path;  // or, when empty:
  std::string host;
  std::string port;
};

// Reads `unix:<path>` or `host:port`, where an IPv6 address is in brackets.
// kInvalidArgument says what is wrong.
absl::StatusOr<ChatAddress> ParseChatAddress(const std::string& target);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_CHAT_ADDRESS_H_
