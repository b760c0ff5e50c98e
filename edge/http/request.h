// HTTP/1 requests: from bytes to something to answer.
#ifndef CHATTER_EDGE_HTTP_REQUEST_H_
#define CHATTER_EDGE_HTTP_REQUEST_H_

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "websocketpp/http/request.hpp"

namespace chatter::edge {

struct HttpLimits {
  size_t header_bytes = 16 << 10;  // request line and headers
  size_t body_bytes = 65536;       // MAX_BODY_BYTES
};

// Why a request cannot be understood. The connection closes after the answer, since
// nobody knows where the next request would begin.
struct HttpProblem {
  int status;
  std::string_view message;
};

class HttpRequest {
 public:
  HttpRequest() = default;
  HttpRequest(const HttpRequest&) = delete;  // it has views into itself
  HttpRequest& operator=(const HttpRequest&) = delete;

  const std::string& method() const { return parsed_.get_method(); }
  const std::string& version() const { return parsed_.get_version(); }
  // Percent-decoded, without the query and without a trailing slash ("/" stays).
  const std::string& path() const { return path_; }
  const std::string& body() const { return body_; }
  // A query parameter, decoded; nullopt when it is not there. The first one counts.
  std::optional<std::string> Query(std::string_view name) const;
  // Empty when it is not there.
  const std::string& Header(const char* name) const { return parsed_.get_header(name); }
  // RFC 7230 section 6.3: whether the connection may be used again.
  bool keep_alive() const { return keep_alive_; }
  // RFC 6455 section 4.1: it asks to become a WebSocket, rightly or not.
  bool wants_upgrade() const;

 private:
  friend class HttpRequestReader;

  websocketpp::http::parser::request parsed_;
  std::string path_;
  std::string_view query_;  // of parsed_'s URI
  std::string body_;
  bool keep_alive_ = false;
};

// Cuts a connection's bytes into requests. What RFC 7230 leaves open to mischief is
// refused: line folding, bare CR or LF, control characters, a Content-Length that is not
// one number, and Transfer-Encoding, whose bodies the parser would take for empty.
class HttpRequestReader {
 public:
  explicit HttpRequestReader(const HttpLimits& limits) : limits_(limits) {}

  enum class State {
    kIdle,      // between requests, and nothing has come
    kPartial,   // a request has begun
    kComplete,  // `request()` can be answered; then call Next
    kProblem,   // `problem()` can be answered; then close
  };

  // Takes more bytes; while a request is complete they wait for Next. What the limits
  // allow and one read more is all that is ever held.
  State Feed(std::string_view bytes);
  // Drops the complete request and looks at the bytes behind it.
  State Next();

  State state() const { return state_; }
  HttpRequest& request() { return *request_; }
  const HttpProblem& problem() const { return problem_; }
  // True once after the headers of a request that waits for "100 Continue".
  bool TakeExpectsContinue() { return std::exchange(expects_continue_, false); }
  // Bytes behind the complete request.
  std::string TakeRest() { return std::exchange(buffer_, {}); }

 private:
  State Advance();
  bool ReadHead();
  bool ParseHead(std::string_view head);
  bool ParseBodyLength();
  bool Fail(int status, std::string_view message);

  const HttpLimits limits_;
  State state_ = State::kIdle;
  std::string buffer_;
  size_t searched_ = 0;  // of buffer_, for the end of the headers
  std::optional<HttpRequest> request_;
  size_t body_left_ = 0;
  bool expects_continue_ = false;
  HttpProblem problem_ = {};
};

// Decodes percent-encoding, and '+' as a space when `form` (query parameters). nullopt
// for a broken escape or one that stands for NUL.
std::optional<std::string> PercentDecode(std::string_view text, bool form);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_REQUEST_H_
