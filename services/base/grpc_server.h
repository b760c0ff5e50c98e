// What every gRPC server of ours has in common.
#ifndef CHATTER_SERVICES_BASE_GRPC_SERVER_H_
#define CHATTER_SERVICES_BASE_GRPC_SERVER_H_

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace chatter {

struct RunningGrpcServer {
  std::unique_ptr<grpc::Server> server;
  // Where it listens, with the port that the kernel chose for port 0.
  std::vector<std::string> addresses;
};

// Builds and starts the server of `builder`, whose services the caller has registered, on
// `listen`: `host:port` with a loopback host, or `unix:<path>`, where a socket file that
// nobody listens on is replaced. Adds reflection, the standard health service, bounds on
// messages, metadata and streams, and keepalive.
//
// kInvalidArgument for an address that is neither; also for one that is not loopback:
// this gRPC (1.51) has known weaknesses that only trusted peers may reach.
// kUnavailable when an address is taken.
absl::StatusOr<RunningGrpcServer> StartGrpcServer(grpc::ServerBuilder& builder,
                                                  const std::vector<std::string>& listen);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_GRPC_SERVER_H_
