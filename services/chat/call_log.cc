#include "services/chat/call_log.h"

#include "glog/logging.h"
#include "services/base/log.h"

namespace chatter::chat {
namespace {

constexpr double kGapSeconds = 0.1;

bool IsOurFault(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kDataLoss:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string_view RequestIdOf(const grpc::ServerContextBase& context) {
  const auto it = context.client_metadata().find(kRequestIdMetadata);
  if (it == context.client_metadata().end()) return "";
  const std::string_view id(it->second.data(), it->second.size());
  return IsRequestId(id) ? id : "";
}

void LogFailure(std::string_view method, std::string_view request_id,
                const absl::Status& status) {
  if (!IsOurFault(status.code())) return;
  const RequestScope scope(request_id);
  LOG_EVERY_T(WARNING, kGapSeconds) << method << " failed: " << status;
}

}  // namespace chatter::chat
