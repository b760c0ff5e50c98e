#include "edge/edge_server.h"

#include <algorithm>
#include <asio/post.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/net/tls_server.h"

namespace chatter::edge {

absl::StatusOr<std::unique_ptr<EdgeServer>> EdgeServer::Start(EdgeOptions options,
                                                              const Clock& clock,
                                                              ProcessMemory& memory) {
  std::unique_ptr<EdgeServer> server(new EdgeServer(std::move(options), memory));
  const EdgeOptions& settings = server->options_;
  const absl::StatusOr<ChatAddress> chat_address =
      ParseChatAddress(settings.chat_target, settings.chat_tls, settings.chat_tls_name);
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
    server->metrics_.push_back(std::make_unique<EdgeThreadMetrics>());
    server->threads_.push_back(std::make_unique<EdgeThread>(
        settings, *chat_address, std::move(loop), *std::move(listener), server->limits_,
        *server->metrics_.back(), clock));
  }
  if (settings.tls.given()) {
    const auto context = MakeTlsServerContext(settings.tls);
    if (!context.ok()) return context.status();
    for (const auto& thread : server->threads_) thread->UseTls(*context);
  }
  for (const auto& thread : server->threads_) thread->Start();
  return server;
}

absl::Status EdgeServer::ReloadCertificate() {
  const auto context = MakeTlsServerContext(options_.tls);
  if (!context.ok()) return context.status();
  for (const auto& thread : threads_) {
    asio::post(thread->loop().io(),
               [thread = thread.get(), context = *context] { thread->UseTls(context); });
  }
  return absl::OkStatus();
}

EdgeServer::~EdgeServer() { Stop(); }

void EdgeServer::Stop() {
  for (const auto& thread : threads_) thread->Stop();
  for (const auto& thread : threads_) thread->Join();
  threads_.clear();
}

std::vector<prometheus::MetricFamily> EdgeServer::Collect() const {
  return Describe(metrics_, options_.limits.max_connections);
}

std::string EdgeServer::WhyNotReady() const {
  const auto down =
      std::count_if(metrics_.begin(), metrics_.end(),
                    [](const auto& thread) { return thread->link_up.value() == 0; });
  if (down == 0) return "";
  return absl::StrCat("no link to the chat service on ", down, " of ", metrics_.size(),
                      " threads");
}

}  // namespace chatter::edge
