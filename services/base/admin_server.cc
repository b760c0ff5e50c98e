#include "services/base/admin_server.h"

#include <arpa/inet.h>
#include <httplib.h>
#include <poll.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/base/metric_page.h"
#include "services/base/process_metrics.h"

namespace chatter {
namespace {

constexpr int kThreads = 2;
constexpr size_t kMaxWaiting = 16;
constexpr size_t kMaxRequestBytes = 16 << 10;
constexpr absl::Duration kConnectionDeadline = absl::Seconds(5);

// The library's own pool lets any number wait.
class BoundedQueue : public httplib::TaskQueue {
 public:
  BoundedQueue() {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { Work(); });
  }

  // Runs on the thread that accepts, which accepts no more while it waits here.
  void enqueue(std::function<void()> task) override {
    const auto has_room = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return waiting_.size() < kMaxWaiting;
    };
    absl::MutexLock lock(&mutex_, absl::Condition(&has_room));
    waiting_.push_back(std::move(task));
  }

  void shutdown() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void Work() {
    const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return !waiting_.empty() || stopping_;
    };
    while (true) {
      std::function<void()> task;
      {
        absl::MutexLock lock(&mutex_, absl::Condition(&has_work));
        if (waiting_.empty()) return;
        task = std::move(waiting_.front());
        waiting_.pop_front();
      }
      task();
    }
  }

  absl::Mutex mutex_;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

// A connection of which only so much is read, and only for so long: the library bounds a
// line, but not their number, and the time for a byte, but not for all of them.
class BoundedStream : public httplib::Stream {
 public:
  explicit BoundedStream(int socket)
      : socket_(socket), deadline_(absl::Now() + kConnectionDeadline) {}

  bool is_readable() const override { return begin_ < end_ || Wait(POLLIN); }
  bool is_writable() const override { return Wait(POLLOUT); }

  ssize_t read(char* out, size_t size) override {
    if (begin_ == end_) {
      if (left_ == 0 || !Wait(POLLIN)) return -1;
      const ssize_t got =
          recv(socket_, buffer_.data(), std::min(left_, buffer_.size()), 0);
      if (got <= 0) return got;
      begin_ = 0;
      end_ = static_cast<size_t>(got);
      left_ -= end_;
    }
    const size_t taken = std::min(size, end_ - begin_);
    std::copy_n(buffer_.data() + begin_, taken, out);
    begin_ += taken;
    return static_cast<ssize_t>(taken);
  }

  ssize_t write(const char* bytes, size_t size) override {
    if (!Wait(POLLOUT)) return -1;
    return send(socket_, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Who asks is of no interest here.
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  socket_t socket() const override { return socket_; }

 private:
  bool Wait(short event) const {
    const int64_t left = absl::ToInt64Milliseconds(deadline_ - absl::Now());
    pollfd poll_for{socket_, event, 0};
    return left > 0 && poll(&poll_for, 1, static_cast<int>(left)) > 0;
  }

  const int socket_;
  const absl::Time deadline_;
  size_t left_ = kMaxRequestBytes;
  std::array<char, 4096> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
};

struct Address {
  std::string host;
  int port = 0;
};

absl::StatusOr<Address> Parse(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  Address address;
  if (colon != std::string::npos) {
    address.host = listen.substr(0, colon);
    if (address.host.size() > 2 && address.host.front() == '[' &&
        address.host.back() == ']') {
      address.host = address.host.substr(1, address.host.size() - 2);
    } else if (address.host.find(':') != std::string::npos) {
      address.host.clear();
    }
  }
  in6_addr parsed;
  const bool is_host = address.host == "localhost" ||
                       inet_pton(AF_INET, address.host.c_str(), &parsed) == 1 ||
                       inet_pton(AF_INET6, address.host.c_str(), &parsed) == 1;
  if (!is_host || !absl::SimpleAtoi(listen.substr(colon + 1), &address.port) ||
      address.port < 0 || address.port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ADMIN_LISTEN is '", listen, "': want <IP address>:<port>, as 127.0.0.1:9100"));
  }
  return address;
}

}  // namespace

class AdminServer::HttpServer : public httplib::Server {
 public:
  HttpServer() {
    new_task_queue = [] { return new BoundedQueue; };
    set_tcp_nodelay(true);
    set_default_headers({{"Cache-Control", "no-store"}});
    set_socket_options([](int socket) {
      // The library's default, SO_REUSEPORT, would share a taken port silently.
      const int on = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    });
  }

  ~HttpServer() override {
    if (!thread_.joinable()) return;
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
      for (const int socket : sockets_) shutdown(socket, SHUT_RDWR);
    }
    // stop() does nothing as long as the thread has not come to its loop.
    while (!is_running() && !finished_) std::this_thread::yield();
    stop();
    thread_.join();
  }

  // The port; 0 when the address is taken.
  int Listen(const std::string& host, int port) {
    const int bound =
        port == 0 ? bind_to_any_port(host) : (bind_to_port(host, port) ? port : 0);
    if (bound <= 0) return 0;
    thread_ = std::thread([this] {
      listen_after_bind();
      finished_ = true;
    });
    return bound;
  }

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (Begin(socket)) {
      BoundedStream stream(socket);
      bool closed = false;
      process_request(stream, /*close_connection=*/true, closed, nullptr);
      shutdown(socket, SHUT_WR);
    }
    absl::MutexLock lock(&mutex_);
    sockets_.erase(socket);
    close(socket);
    return true;
  }

  bool Begin(int socket) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (stopping_) return false;
    sockets_.insert(socket);
    return true;
  }

  absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<int> sockets_ ABSL_GUARDED_BY(mutex_);  // that are being answered
  std::atomic<bool> finished_{false};
  std::thread thread_;
};

AdminServer::AdminServer()
    : why_not_ready_([] { return "starting"; }), http_(std::make_unique<HttpServer>()) {
  http_->Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(MetricsText(), "text/plain; version=0.0.4; charset=utf-8");
  });
  http_->Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("OK\n", "text/plain");
  });
  http_->Get("/readyz", [this](const httplib::Request&, httplib::Response& response) {
    const std::string why_not = AskReadiness();
    response.status = why_not.empty() ? 200 : 503;
    response.set_content(why_not.empty() ? "ready\n" : why_not + "\n", "text/plain");
  });
}

AdminServer::~AdminServer() = default;

absl::StatusOr<std::unique_ptr<AdminServer>> AdminServer::Start(
    const std::string& listen) {
  std::unique_ptr<AdminServer> server(new AdminServer);
  if (listen.empty()) return server;
  const absl::StatusOr<Address> address = Parse(listen);
  if (!address.ok()) return address.status();
  const int port = server->http_->Listen(address->host, address->port);
  if (port == 0) {
    return absl::UnavailableError(absl::StrCat("ADMIN_LISTEN: cannot listen on ", listen,
                                               ": the address is taken"));
  }
  server->address_ =
      absl::StrCat("http://", listen.substr(0, listen.rfind(':')), ":", port);
  return server;
}

absl::Status AdminServer::CheckListen(const std::string& listen) {
  return listen.empty() ? absl::OkStatus() : Parse(listen).status();
}

void AdminServer::SetMetrics(const prometheus::Collectable* source) {
  absl::MutexLock lock(&metrics_mutex_);
  source_ = source;
}

void AdminServer::SetReadiness(WhyNotReady why_not_ready) {
  absl::MutexLock lock(&readiness_mutex_);
  why_not_ready_ = std::move(why_not_ready);
}

std::string AdminServer::MetricsText() const {
  MetricPage process;
  AddProcessMetrics(process);
  std::vector<prometheus::MetricFamily> families = process.Take();
  {
    absl::ReaderMutexLock lock(&metrics_mutex_);
    if (source_ != nullptr) {
      std::vector<prometheus::MetricFamily> more = source_->Collect();
      families.insert(families.end(), std::make_move_iterator(more.begin()),
                      std::make_move_iterator(more.end()));
    }
  }
  return prometheus::TextSerializer().Serialize(families);
}

std::string AdminServer::AskReadiness() const {
  absl::ReaderMutexLock lock(&readiness_mutex_);
  return why_not_ready_();
}

}  // namespace chatter
