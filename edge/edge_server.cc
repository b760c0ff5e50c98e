#include "edge/edge_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <utility>

namespace chatter::edge {
namespace {

constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// How soon gRPC tries to connect again.
constexpr int kMinReconnectMs = 100;
constexpr int kMaxReconnectMs = 1'000;
// A page of a history.
constexpr int kMaxReceiveBytes = 8 << 20;

std::shared_ptr<grpc::Channel> MakeChannel(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kMinReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EdgeServer>> EdgeServer::Start(EdgeOptions options,
                                                              const Clock& clock) {
  std::unique_ptr<EdgeServer> server(new EdgeServer(std::move(options)));
  const EdgeOptions& settings = server->options_;
  const absl::StatusOr<ChatAddress> chat_address = ParseChatAddress(settings.chat_target);
  if (!chat_address.ok()) return chat_address.status();
  server->port_ = settings.port;
  for (int i = 0; i < settings.threads; ++i) {
    auto loop = std::make_unique<EdgeLoop>(clock);
    if (i == 0) {
      absl::Status free = Listener::CheckFree(*loop, settings.host, settings.port);
      if (!free.ok()) return free;
    }
    absl::StatusOr<std::unique_ptr<Listener>> listener =
        Listener::Open(*loop, settings.host, server->port_);
    if (!listener.ok()) return listener.status();
    server->port_ = (*listener)->port();
    server->threads_.push_back(std::make_unique<EdgeThread>(
        settings, *chat_address, MakeChannel(settings.chat_target), std::move(loop),
        *std::move(listener), server->connections_, clock));
  }
  for (const auto& thread : server->threads_) thread->Start();
  return server;
}

EdgeServer::~EdgeServer() { Stop(); }

void EdgeServer::Stop() {
  for (const auto& thread : threads_) thread->Stop();
  for (const auto& thread : threads_) thread->Join();
  threads_.clear();
}

}  // namespace chatter::edge
