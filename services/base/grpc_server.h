// What every gRPC server of ours has in common.
#ifndef CHATTER_SERVICES_BASE_GRPC_SERVER_H_
#define CHATTER_SERVICES_BASE_GRPC_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/base/grpc_tls.h"
#include "services/base/health_service.h"
#include "services/base/tls.h"

namespace chatter {

class RunningGrpcServer {
 public:
  RunningGrpcServer(std::unique_ptr<GrpcServerTls> tls,
                    std::unique_ptr<HealthService> health,
                    std::unique_ptr<grpc::Server> server,
                    std::vector<std::string> addresses)
      : tls_(std::move(tls)),
        health_(std::move(health)),
        server_(std::move(server)),
        addresses_(std::move(addresses)) {}
  // Calls on their way are cut.
  ~RunningGrpcServer() { Shutdown(absl::ZeroDuration()); }

  // Where it listens, with the port that the kernel chose for port 0.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Reads the certificates anew, see GrpcServerTls. Only with TLS.
  absl::Status ReloadCertificate() { return tls_->Reload(); }

  // From now on the health service says NOT_SERVING: whoever asks it sends nothing new.
  void SayNotServing() { health_->Stop(); }
  // Takes no more calls, and cuts those that take longer than this. Blocks.
  void Shutdown(absl::Duration patience);

 private:
  const std::unique_ptr<GrpcServerTls> tls_;  // null without TLS
  const std::unique_ptr<HealthService> health_;
  const std::unique_ptr<grpc::Server> server_;
  const std::vector<std::string> addresses_;
};

// Who may reach a server at an address of TCP. Unix sockets have the file's permissions.
struct GrpcSecurity {
  TlsFiles tls = {};  // mutual TLS; none: without
  // Without TLS, too, addresses that are not loopback are fine.
  bool allow_insecure = false;
};

// What StartGrpcServer says of one of its addresses without trying it.
absl::Status CheckListenAddress(const std::string& address, const GrpcSecurity& security);

// Builds and starts the server of `builder`, whose services the caller has registered, on
// `listen`: `host:port`, without TLS with a loopback host, or `unix:<path>`, where a
// socket file that nobody listens on is replaced. Adds reflection, the standard health
// service, bounds on messages, metadata and streams, and keepalive.
//
// kInvalidArgument for an address that is neither, or that strangers would reach: this
// gRPC (1.51) has known weaknesses. Likewise for certificates that cannot be used.
// kUnavailable when an address is taken.
absl::StatusOr<std::unique_ptr<RunningGrpcServer>> StartGrpcServer(
    grpc::ServerBuilder& builder, const std::vector<std::string>& listen,
    const GrpcSecurity& security = {});

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_GRPC_SERVER_H_
