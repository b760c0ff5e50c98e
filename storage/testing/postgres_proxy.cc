#include "storage/testing/postgres_proxy.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "glog/logging.h"

namespace chatter::testing {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  CHECK_LT(path.size(), sizeof(address.sun_path));
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace

PostgresProxy::PostgresProxy(const PostgresServer& server)
    : server_(server.socket_folder() + "/.s.PGSQL.5432") {
  std::string folder = "/tmp/chatter-proxy-XXXXXX";
  PCHECK(mkdtemp(folder.data()) != nullptr);
  folder_ = folder;
  listener_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(folder_ + "/.s.PGSQL.5432");
  PCHECK(bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
         0);
  PCHECK(listen(listener_, 16) == 0);
  acceptor_ = std::thread([this] { Accept(); });
}

PostgresProxy::~PostgresProxy() {
  shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  close(listener_);
  for (std::thread& thread : connections_) thread.join();
  std::filesystem::remove_all(folder_);
}

std::string PostgresProxy::UrlOf(const std::string& server_url) const {
  const size_t start = server_url.find("@/") + 2;
  return PostgresServer::UrlOf(folder_, 5432,
                               server_url.substr(start, server_url.find('?') - start));
}

void PostgresProxy::Add(Fault fault, const std::string& text) {
  absl::MutexLock lock(&mutex_);
  faults_.push({fault, text});
}

bool PostgresProxy::is_done() const {
  absl::MutexLock lock(&mutex_);
  return faults_.empty();
}

PostgresProxy::Fault PostgresProxy::FaultFor(std::string_view bytes) {
  absl::MutexLock lock(&mutex_);
  if (faults_.empty() || bytes.find(faults_.front().text) == std::string_view::npos) {
    return Fault::kNone;
  }
  const Fault fault = faults_.front().fault;
  faults_.pop();
  return fault;
}

void PostgresProxy::Accept() {
  while (true) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    connections_.emplace_back([this, client] { Relay(client); });
  }
}

void PostgresProxy::Relay(int client) {
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = AddressOf(server_);
  if (connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
      0) {
    pollfd ends[2] = {{client, POLLIN, 0}, {server, POLLIN, 0}};
    while (poll(ends, 2, -1) > 0) {
      if (ends[0].revents != 0 && !Forward(client, server, true)) break;
      if (ends[1].revents != 0 && !Forward(server, client, false)) break;
    }
  }
  close(client);
  close(server);
}

bool PostgresProxy::Forward(int from, int to, bool is_from_client) {
  char buffer[65536];
  const ssize_t count = read(from, buffer, sizeof(buffer));
  if (count <= 0) return false;
  Fault fault = Fault::kNone;
  if (is_from_client) fault = FaultFor({buffer, static_cast<size_t>(count)});
  if (fault == Fault::kBefore) return false;
  if (fault == Fault::kSilence) {
    // Until the client has closed.
    while (read(from, buffer, sizeof(buffer)) > 0) {
    }
    return false;
  }
  if (write(to, buffer, static_cast<size_t>(count)) != count) return false;
  if (fault == Fault::kAfter) {
    // Until the server has answered, which is then lost.
    pollfd answer = {to, POLLIN, 0};
    poll(&answer, 1, -1);
    return false;
  }
  return true;
}

}  // namespace chatter::testing
