#include "tools/standins/http_service.h"

#include <httplib.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/socket.h>

#include <utility>

#include "absl/strings/str_cat.h"

namespace chatter::standins {
namespace {

constexpr size_t kMaxBodyBytes = 64 << 10;
constexpr size_t kThreads = 64;
constexpr int kBacklog = 128;

std::string Quoted(absl::string_view text) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return buffer.GetString();
}

void Answer(httplib::Response& response, int status, absl::string_view result,
            absl::string_view message) {
  response.status = status;
  response.set_header("Cache-Control", "no-cache");
  response.set_content(
      absl::StrCat("{\"result\":", result, ",\"message\":", message, "}"),
      "application/json");
}

}  // namespace

void AnswerResult(httplib::Response& response, int status, absl::string_view result) {
  Answer(response, status, result, "null");
}

void AnswerMessage(httplib::Response& response, int status, absl::string_view text) {
  Answer(response, status, "null", absl::StrCat("[{\"message\":", Quoted(text), "}]"));
}

HttpService::HttpService() : server_(std::make_unique<httplib::Server>()) {
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_payload_max_length(kMaxBodyBytes);
  server_->set_tcp_nodelay(true);
  server_->set_keep_alive_max_count(1'000'000);
  // The server's threads look for a stop between the requests of a connection only.
  server_->set_keep_alive_timeout(1);
  server_->set_default_headers({{"Access-Control-Allow-Origin", "*"}});
  server_->Options(".*", [](const httplib::Request&, httplib::Response& response) {
    response.set_header("Access-Control-Allow-Methods", "GET,POST,OPTIONS");
    response.set_header("Access-Control-Allow-Headers",
                        "Accept, Authorization, Content-Type");
    response.set_header("Access-Control-Max-Age", "600");
  });
  server_->Get("/healthz/?", [](const httplib::Request&, httplib::Response& response) {
    AnswerMessage(response, 200, "Health OK");
  });
  server_->set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    const int status = response.status;
    AnswerMessage(response, status,
                  status == 404 ? "Not found" : absl::StrCat("Refused: ", status));
  });
}

HttpService::~HttpService() { Stop(); }

void HttpService::Get(const std::string& path, Handler handler,
                      std::atomic<int64_t>* calls) {
  server_->Get(path + "/?", Admitted(std::move(handler), calls));
}

void HttpService::Post(const std::string& path, Handler handler,
                       std::atomic<int64_t>* calls) {
  server_->Post(path + "/?", Admitted(std::move(handler), calls));
}

HttpService::Handler HttpService::Admitted(Handler handler, std::atomic<int64_t>* calls) {
  return [this, handler = std::move(handler), calls](const httplib::Request& request,
                                                     httplib::Response& response) {
    if (calls != nullptr) ++*calls;
    if (Admit(response)) handler(request, response);
  };
}

absl::Status HttpService::Start(const std::string& host, int port) {
  int listener = -1;
  server_->set_socket_options([&listener](int socket) {
    listener = socket;
    // The library's default, SO_REUSEPORT, would share a taken port silently.
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  if (port == 0) {
    port_ = server_->bind_to_any_port(host);
  } else {
    port_ = server_->bind_to_port(host, port) ? port : -1;
  }
  if (port_ <= 0) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", host, ":", port));
  }
  // The library's backlog of 5 makes bursts of connections wait for a second.
  listen(listener, kBacklog);
  thread_ = std::thread([this] {
    server_->listen_after_bind();
    finished_ = true;
  });
  return absl::OkStatus();
}

void HttpService::SetDelay(absl::Duration delay) {
  absl::MutexLock lock(&mutex_);
  delay_ = delay;
  ++delay_changes_;
}

void HttpService::SetStatus(int status) { status_.store(status); }

void HttpService::Stop() {
  if (!thread_.joinable()) return;
  SetDelay(absl::ZeroDuration());
  // stop() does nothing as long as the thread has not come to its loop.
  while (!server_->is_running() && !finished_) std::this_thread::yield();
  server_->stop();
  thread_.join();
}

bool HttpService::Admit(httplib::Response& response) {
  {
    absl::MutexLock lock(&mutex_);
    if (delay_ > absl::ZeroDuration()) {
      const int64_t mine = delay_changes_;
      const auto changed = [this, mine] {
        mutex_.AssertReaderHeld();
        return delay_changes_ != mine;
      };
      mutex_.AwaitWithTimeout(absl::Condition(&changed), delay_);
    }
  }
  const int status = status_.load();
  if (status == 0) return true;
  AnswerMessage(response, status, "Failing, as told");
  return false;
}

}  // namespace chatter::standins
