// Calls to our HTTP neighbours.
#ifndef CHATTER_SERVICES_BASE_HTTP_CLIENT_H_
#define CHATTER_SERVICES_BASE_HTTP_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chatter {

struct HttpRequest {
  std::string url;                   // http or https
  std::vector<std::string> headers;  // "Name: value", without CR and LF
  // Set: POST with this body. Otherwise GET.
  std::unique_ptr<std::string> body;
  absl::Duration deadline;  // for all of it: connecting, sending and the whole answer
};

struct HttpResponse {
  int status = 0;
  std::string body;
};

struct HttpClientLimits {
  int in_flight = 32;   // also the number of connections
  int waiting = 1'000;  // beyond those in flight
  size_t response_bytes = 65'536;
};

// Over libcurl's multi interface, on one thread of its own; connections are reused.
// Redirects are not followed, and no proxy is taken from the environment: the neighbours'
// addresses are configured. Thread-safe.
class HttpClient {
 public:
  // Runs on the client's thread: must not block. Any HTTP status is an answer;
  // kUnavailable: no connection, or it broke; kDeadlineExceeded; kResourceExhausted: too
  // many wait, or the answer is too large; kCancelled: the client is being destroyed;
  // kInvalidArgument: the URL is not one.
  using Done = std::function<void(absl::StatusOr<HttpResponse>)>;

  virtual ~HttpClient() = default;

  // `done` runs exactly once; before this returns when too many wait, and when a call
  // that is cancelled asks for another.
  virtual void Send(HttpRequest request, Done done) = 0;
};

// The destructor cancels what has not ended.
std::unique_ptr<HttpClient> MakeHttpClient(const HttpClientLimits& limits);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_HTTP_CLIENT_H_
