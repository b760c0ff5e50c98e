#ifndef CHATTER_TOOLS_LOADGEN_HTTP_RESPONSE_H_
#define CHATTER_TOOLS_LOADGEN_HTTP_RESPONSE_H_

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"

namespace chatter::loadgen {

// A view of the bytes that it was parsed from.
struct HttpResponse {
  int status = 0;
  std::string_view head;  // with the status line and the empty line
  std::string_view body;
  size_t size() const { return head.size() + body.size(); }
};

// The response that `bytes` begin with. OUT_OF_RANGE: there is more to come; else the
// error says what is wrong. Its length must be given by Content-Length, but for 1xx and
// 204.
absl::StatusOr<HttpResponse> ParseHttpResponse(std::string_view bytes);

// The value of the first such header, without the spaces around it; empty when there is
// none. `name` in lower case.
std::string_view HeaderOf(const HttpResponse& response, std::string_view name);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_HTTP_RESPONSE_H_
