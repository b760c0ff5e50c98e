// The one mapping between absl::Status and grpc::Status. Their codes are the same
// numbers; only the types differ.
#ifndef CHATTER_SERVICES_BASE_GRPC_STATUS_H_
#define CHATTER_SERVICES_BASE_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include <string>

#include "absl/status/status.h"

namespace chatter {

inline grpc::Status ToGrpc(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()),
                      std::string(status.message()));
}

inline absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                      status.error_message());
}

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_GRPC_STATUS_H_
