#ifndef CHATTER_SERVICES_BASE_HEALTH_CLIENT_H_
#define CHATTER_SERVICES_BASE_HEALTH_CLIENT_H_

#include <grpcpp/channel.h>

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace chatter {

// Asks the standard health service at the other end. kUnavailable when nobody answers, or
// the server does not serve; kDeadlineExceeded. Blocks.
absl::Status AskHealth(const std::shared_ptr<grpc::Channel>& channel,
                       absl::Duration patience);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_HEALTH_CLIENT_H_
