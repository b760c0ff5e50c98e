#ifndef CHATTER_TOOLS_STANDINS_HTTP_SERVICE_H_
#define CHATTER_TOOLS_STANDINS_HTTP_SERVICE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace chatter::standins {

// An HTTP server in the neighbours' manner: answers in their envelope, open to pages of
// any origin, `GET /healthz`, and slow or failing when a test says so. At most 64 KiB of
// body and 64 requests at a time. Thread-safe once started.
class HttpService {
 public:
  // Called on a thread of the server; may block.
  using Handler = std::function<void(const httplib::Request&, httplib::Response&)>;

  HttpService();
  ~HttpService();  // As Stop().
  HttpService(const HttpService&) = delete;
  HttpService& operator=(const HttpService&) = delete;

  // `path` without its trailing slash; it is answered with and without. `calls`, when
  // given, counts the requests as they come, and must outlive this. Before Start().
  void Get(const std::string& path, Handler handler,
           std::atomic<int64_t>* calls = nullptr);
  void Post(const std::string& path, Handler handler,
            std::atomic<int64_t>* calls = nullptr);

  // Listens and returns. Port 0: one that the kernel chooses. UNAVAILABLE when the
  // address cannot be listened on, a taken port included.
  absl::Status Start(const std::string& host, int port);
  int port() const { return port_; }

  // Answers each request, /healthz excepted, this long after it came. A new value also
  // lets go of what the old one holds, so Zero is "go on".
  void SetDelay(absl::Duration delay);
  // Answers everything, /healthz excepted, with this status. 0: as it should be.
  void SetStatus(int status);

  // Closes the socket, lets go of what is delayed, and waits for it. At most a second
  // longer when clients hold idle connections.
  void Stop();

 private:
  Handler Admitted(Handler handler, std::atomic<int64_t>* calls);
  // Sleeps the delay. False: it has answered with the failure that is set.
  bool Admit(httplib::Response& response);

  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  std::atomic<bool> finished_{false};
  int port_ = 0;
  std::atomic<int> status_{0};

  absl::Mutex mutex_;
  absl::Duration delay_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();
  int64_t delay_changes_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The neighbours' envelope. `result` is JSON.
void AnswerResult(httplib::Response& response, int status, absl::string_view result);
void AnswerMessage(httplib::Response& response, int status, absl::string_view text);

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_HTTP_SERVICE_H_
