#include "services/base/grpc_server.h"

#include <arpa/inet.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/base/protocol.h"

namespace chatter {
namespace {

constexpr int kMaxMetadataBytes = 16 << 10;
constexpr int kMaxStreamsPerConnection = 1000;
constexpr absl::Duration kKeepaliveInterval = absl::Seconds(20);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);
constexpr absl::Duration kMinClientPingInterval = absl::Seconds(10);

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

bool IsLoopback(const std::string& host) {
  in_addr address;
  return host == "localhost" || host == "[::1]" ||
         (inet_pton(AF_INET, host.c_str(), &address) == 1 &&
          ntohl(address.s_addr) >> IN_CLASSA_NSHIFT == IN_LOOPBACKNET);
}

// Whether a server answers on the socket file.
bool HasListener(const sockaddr_un& address) {
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const bool answered =
      connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(probe);
  return answered;
}

// For a server of `path`, which CheckListenAddress has taken.
absl::Status PrepareUnixSocket(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on unix:", path, ": the file is no socket"));
  }
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (HasListener(address)) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on unix:", path, ": it is in use"));
  }
  unlink(path.c_str());
  return absl::OkStatus();
}

void Configure(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(kMaxGrpcRequestBytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsPerConnection);
  // A second server on the same port is a mistake to be told, not a share of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             Milliseconds(kKeepaliveInterval));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             Milliseconds(kKeepaliveTimeout));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             Milliseconds(kMinClientPingInterval));
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
}

}  // namespace

absl::Status CheckListenAddress(const std::string& address,
                                const GrpcSecurity& security) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, "unix:")) {
    constexpr size_t kMaxBytes = sizeof(sockaddr_un::sun_path) - 1;
    if (!path.empty() && path.size() <= kMaxBytes) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        "cannot listen on ", address, ": a path has 1 to ", kMaxBytes, " bytes"));
  }
  const size_t colon = address.rfind(':');
  int port;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on '", address, "': want host:port or unix:<path>"));
  }
  if (!security.tls.given() && !security.allow_insecure &&
      !IsLoopback(address.substr(0, colon))) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", address,
                     ": without mutual TLS only on loopback addresses and unix:<path>"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<RunningGrpcServer>> StartGrpcServer(
    grpc::ServerBuilder& builder, const std::vector<std::string>& listen,
    const GrpcSecurity& security) {
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  Configure(builder);
  std::unique_ptr<GrpcServerTls> tls;
  if (security.tls.given()) {
    auto made = GrpcServerTls::Make(security.tls);
    if (!made.ok()) return made.status();
    tls = *std::move(made);
  }
  auto health = std::make_unique<HealthService>();
  builder.RegisterService(health.get());
  std::vector<int> ports(listen.size(), 0);
  for (size_t i = 0; i < listen.size(); ++i) {
    absl::Status status = CheckListenAddress(listen[i], security);
    absl::string_view path = listen[i];
    const bool is_unix = absl::ConsumePrefix(&path, "unix:");
    if (status.ok() && is_unix) status = PrepareUnixSocket(std::string(path));
    if (!status.ok()) return status;
    const bool with_tls = tls != nullptr && !is_unix;
    builder.AddListeningPort(
        listen[i], with_tls ? tls->MakeCredentials() : grpc::InsecureServerCredentials(),
        &ports[i]);
  }
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::vector<std::string> addresses;
  for (size_t i = 0; i < listen.size(); ++i) {
    if (ports[i] == 0) {
      return absl::UnavailableError(
          absl::StrCat("cannot listen on ", listen[i], ": the address is taken"));
    }
    const bool is_unix = absl::StartsWith(listen[i], "unix:");
    addresses.push_back(
        is_unix ? listen[i]
                : absl::StrCat(listen[i].substr(0, listen[i].rfind(':')), ":", ports[i]));
  }
  if (server == nullptr) {
    return absl::InternalError("the gRPC server could not be started");
  }
  return std::make_unique<RunningGrpcServer>(std::move(tls), std::move(health),
                                             std::move(server), std::move(addresses));
}

void RunningGrpcServer::Shutdown(absl::Duration patience) {
  SayNotServing();
  server_->Shutdown(std::chrono::system_clock::now() +
                    absl::ToChronoMilliseconds(patience));
}

}  // namespace chatter
