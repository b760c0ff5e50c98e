#include "tools/loadgen/http_response.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "services/base/absl_view.h"

namespace chatter::loadgen {
namespace {

constexpr std::string_view kVersion = "HTTP/1.1 ";
constexpr std::string_view kLineEnd = "\r\n";
constexpr std::string_view kHeadEnd = "\r\n\r\n";

absl::Status Partial() { return absl::OutOfRangeError("there is more to come"); }

absl::Status Bad(absl::string_view why) { return absl::DataLossError(why); }

}  // namespace

absl::StatusOr<HttpResponse> ParseHttpResponse(std::string_view bytes) {
  const size_t head_end = bytes.find(kHeadEnd);
  if (head_end == bytes.npos) return Partial();
  HttpResponse response;
  response.head = bytes.substr(0, head_end + kHeadEnd.size());
  if (response.head.substr(0, kVersion.size()) != kVersion ||
      !absl::SimpleAtoi(AbslView(response.head.substr(kVersion.size(), 3)),
                        &response.status)) {
    return Bad("an answer is not HTTP/1.1");
  }
  if (response.status < 200 || response.status == 204) return response;
  size_t length;
  if (!absl::SimpleAtoi(AbslView(HeaderOf(response, "content-length")), &length)) {
    return Bad("an answer has no Content-Length");
  }
  if (bytes.size() - response.head.size() < length) return Partial();
  response.body = bytes.substr(response.head.size(), length);
  return response;
}

std::string_view HeaderOf(const HttpResponse& response, std::string_view name) {
  std::string_view rest = response.head;
  // Behind the status line.
  for (size_t end = rest.find(kLineEnd); end != rest.npos; end = rest.find(kLineEnd)) {
    rest.remove_prefix(end + kLineEnd.size());
    const std::string_view line = rest.substr(0, rest.find(kLineEnd));
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    if (!absl::EqualsIgnoreCase(AbslView(line.substr(0, name.size())), AbslView(name))) {
      continue;
    }
    const absl::string_view value =
        absl::StripAsciiWhitespace(AbslView(line.substr(name.size() + 1)));
    return {value.data(), value.size()};
  }
  return {};
}

}  // namespace chatter::loadgen
