// HTTP answers, as the contract wants them.
#ifndef CHATTER_EDGE_HTTP_ANSWER_H_
#define CHATTER_EDGE_HTTP_ANSWER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace chatter::edge {

struct HttpAnswer {
  int status = 200;
  std::string_view content_type = "application/json";
  std::string body;
  // Beyond those that every answer has: {"Allow", "GET"}.
  std::vector<std::pair<std::string_view, std::string>> headers;
};

// Contract, "Envelope": {"result":<json>,"message":null}.
HttpAnswer ResultAnswer(int status, std::string_view result_json);
// {"result":null,"message":[{"message":"<text>"}]}.
HttpAnswer MessageAnswer(int status, std::string_view text);
// 503: the chat service, or what it needs, is away, or the edge is full, or stops.
HttpAnswer UnavailableAnswer();
// 429, which says when to come back.
HttpAnswer TooManyAnswer(std::string_view text, absl::Duration retry_after);

// Contract, "CORS".
class CorsPolicy {
 public:
  // Origins as browsers send them ("https://app.example"), or "*" for all.
  // `https`: clients speak it with the edge itself, without a proxy between them.
  explicit CorsPolicy(std::vector<std::string> allowed_origins, bool https = false)
      : allowed_(std::move(allowed_origins)), https_(https) {}

  bool IsAllowed(std::string_view origin) const;

  // For WebSockets, which browsers open across origins without asking: allowed, absent,
  // or the same as the host that was asked.
  bool MayConnect(std::string_view origin, std::string_view host) const;

 private:
  const std::vector<std::string> allowed_;
  const bool https_;
};

// Appends the whole answer. `head_only`: for HEAD, the body stays away. `origin`: the
// request's.
void AppendAnswer(const HttpAnswer& answer, const CorsPolicy& cors,
                  std::string_view origin, bool head_only, bool keep_alive,
                  std::string& out);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_ANSWER_H_
