#ifndef CHATTER_SERVICES_CHAT_CALL_LOG_H_
#define CHATTER_SERVICES_CHAT_CALL_LOG_H_

#include <grpcpp/server_context.h>

#include <string_view>

#include "absl/status/status.h"

namespace chatter::chat {

// The id that the caller gave its request; "" when it gave none, or none that is one.
// Valid as long as the context.
std::string_view RequestIdOf(const grpc::ServerContextBase& context);

// A line for a call that failed through no fault of its caller's, at most ten a second:
// an outage makes all of them fail.
void LogFailure(std::string_view method, std::string_view request_id,
                const absl::Status& status);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CALL_LOG_H_
