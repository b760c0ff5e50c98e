#ifndef CHATTER_SERVICES_BASE_HEALTH_SERVICE_H_
#define CHATTER_SERVICES_BASE_HEALTH_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/sync_stream.h>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace chatter {

// The standard health service, for the server as a whole (the service ""). gRPC's own one
// brings threads of its own into the waiting for every socket of the server. A watch
// takes a thread while it lasts: there are at most 100, beyond them RESOURCE_EXHAUSTED.
// Thread-safe.
class HealthService : public grpc::health::v1::Health::Service {
 public:
  // The server is SERVING until this is called; then watches hear NOT_SERVING, and end.
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

  // NOT_FOUND for any other service, as the standard wants it.
  grpc::Status Check(grpc::ServerContext* context,
                     const grpc::health::v1::HealthCheckRequest* request,
                     grpc::health::v1::HealthCheckResponse* response) override
      ABSL_LOCKS_EXCLUDED(mutex_);
  // SERVICE_UNKNOWN for any other service.
  grpc::Status Watch(
      grpc::ServerContext* context, const grpc::health::v1::HealthCheckRequest* request,
      grpc::ServerWriter<grpc::health::v1::HealthCheckResponse>* writer) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  int watches_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_HEALTH_SERVICE_H_
