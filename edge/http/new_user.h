#ifndef CHATTER_EDGE_HTTP_NEW_USER_H_
#define CHATTER_EDGE_HTTP_NEW_USER_H_

#include <string>

#include "absl/status/statusor.h"
#include "chatter/v1/chat.pb.h"

namespace chatter::edge {

// Reads the body of POST /user: an object with `username` and `user_group`, which are
// strings; other members are ignored. kInvalidArgument with a message for a person. What
// the names may be is for the chat service to say.
absl::StatusOr<v1::CreateUserRequest> ParseNewUser(const std::string& body);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_NEW_USER_H_
