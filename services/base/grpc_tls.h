#ifndef CHATTER_SERVICES_BASE_GRPC_TLS_H_
#define CHATTER_SERVICES_BASE_GRPC_TLS_H_

#include <grpcpp/security/server_credentials.h>

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "services/base/tls.h"

namespace chatter {

// The certificates of a gRPC server whose clients need ones too, of the CA in the files.
// Thread-safe.
class GrpcServerTls {
 public:
  // kInvalidArgument, in one line. What gRPC logs is a line of ours from then on.
  static absl::StatusOr<std::unique_ptr<GrpcServerTls>> Make(const TlsFiles& files);

  // Reads the files anew, for connections to come. When they cannot be used, what was
  // read before stays.
  absl::Status Reload() ABSL_LOCKS_EXCLUDED(mutex_);

  // For one listening port of a server that this outlives. Not thread-safe.
  std::shared_ptr<grpc::ServerCredentials> MakeCredentials();

 private:
  class Credentials;

  GrpcServerTls(TlsFiles files, TlsPems pems)
      : files_(std::move(files)), pems_(std::move(pems)) {}

  const TlsFiles files_;
  // gRPC asks them for as long as the server lives, which holds them until it is built.
  std::vector<std::shared_ptr<Credentials>> credentials_;
  absl::Mutex mutex_;
  TlsPems pems_ ABSL_GUARDED_BY(mutex_);
  int64_t version_ ABSL_GUARDED_BY(mutex_) = 1;  // of pems_
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_GRPC_TLS_H_
