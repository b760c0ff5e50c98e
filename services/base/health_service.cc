#include "services/base/health_service.h"

#include "absl/cleanup/cleanup.h"
#include "absl/time/time.h"

namespace chatter {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

constexpr int kMaxWatches = 100;
// How soon it is noticed that who watched is gone.
constexpr absl::Duration kCancellationCheck = absl::Seconds(1);

}  // namespace

void HealthService::Stop() {
  absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

grpc::Status HealthService::Check(grpc::ServerContext* /*context*/,
                                  const HealthCheckRequest* request,
                                  HealthCheckResponse* response) {
  if (!request->service().empty()) {
    return {grpc::StatusCode::NOT_FOUND, "The health is that of the whole server: \"\""};
  }
  absl::MutexLock lock(&mutex_);
  response->set_status(stopped_ ? HealthCheckResponse::NOT_SERVING
                                : HealthCheckResponse::SERVING);
  return grpc::Status::OK;
}

grpc::Status HealthService::Watch(grpc::ServerContext* context,
                                  const HealthCheckRequest* request,
                                  grpc::ServerWriter<HealthCheckResponse>* writer) {
  {
    absl::MutexLock lock(&mutex_);
    if (watches_ == kMaxWatches) {
      return {grpc::StatusCode::RESOURCE_EXHAUSTED, "There are 100 watches already"};
    }
    ++watches_;
  }
  const absl::Cleanup ended = [this] {
    absl::MutexLock lock(&mutex_);
    --watches_;
  };
  HealthCheckResponse response;
  response.set_status(request->service().empty() ? HealthCheckResponse::SERVING
                                                 : HealthCheckResponse::SERVICE_UNKNOWN);
  if (!writer->Write(response)) return grpc::Status::CANCELLED;
  bool stopped = false;
  while (!stopped) {
    if (context->IsCancelled()) return grpc::Status::CANCELLED;
    absl::MutexLock lock(&mutex_);
    stopped = mutex_.AwaitWithTimeout(absl::Condition(&stopped_), kCancellationCheck);
  }
  if (request->service().empty()) {
    response.set_status(HealthCheckResponse::NOT_SERVING);
    writer->Write(response);
  }
  return {grpc::StatusCode::UNAVAILABLE, "The server stops"};
}

}  // namespace chatter
