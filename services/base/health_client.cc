#include "services/base/health_client.h"

#include <grpcpp/client_context.h>

#include <chrono>

#include "grpc/health/v1/health.grpc.pb.h"
#include "services/base/grpc_status.h"

namespace chatter {

absl::Status AskHealth(const std::shared_ptr<grpc::Channel>& channel,
                       absl::Duration patience) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       absl::ToChronoMilliseconds(patience));
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status =
      grpc::health::v1::Health::NewStub(channel)->Check(&context, {}, &response);
  if (!status.ok()) return FromGrpc(status);
  if (response.status() != grpc::health::v1::HealthCheckResponse::SERVING) {
    return absl::UnavailableError("it does not serve now");
  }
  return absl::OkStatus();
}

}  // namespace chatter
