#include "edge/http/answer.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "edge/http/json_string.h"
#include "services/base/absl_view.h"

namespace chatter::edge {
namespace {

std::string_view Reason(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 411:
      return "Length Required";
    case 413:
      return "Payload Too Large";
    case 422:
      return "Unprocessable Entity";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Unknown";
  }
}

}  // namespace

HttpAnswer ResultAnswer(int status, std::string_view result_json) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = absl::StrCat("{\"result\":", AbslView(result_json), ",\"message\":null}");
  return answer;
}

HttpAnswer MessageAnswer(int status, std::string_view text) {
  HttpAnswer answer;
  answer.status = status;
  answer.body = "{\"result\":null,\"message\":[{\"message\":";
  AppendJsonString(text, answer.body);
  answer.body += "}]}";
  return answer;
}

HttpAnswer UnavailableAnswer() {
  HttpAnswer answer = MessageAnswer(503, "The service is not available now");
  answer.headers.emplace_back("Retry-After", "2");
  return answer;
}

HttpAnswer TooManyAnswer(std::string_view text, absl::Duration retry_after) {
  HttpAnswer answer = MessageAnswer(429, text);
  const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(retry_after, absl::Seconds(1)));
  answer.headers.emplace_back("Retry-After", absl::StrCat(seconds));
  return answer;
}

bool CorsPolicy::IsAllowed(std::string_view origin) const {
  if (origin.empty()) return false;
  return std::any_of(allowed_.begin(), allowed_.end(), [&](const std::string& allowed) {
    return allowed == "*" || allowed == origin;
  });
}

bool CorsPolicy::MayConnect(std::string_view origin, std::string_view host) const {
  if (origin.empty() || IsAllowed(origin)) return true;
  const size_t scheme_end = origin.find("://");
  if (scheme_end == std::string_view::npos || host.empty()) return false;
  absl::string_view origin_host = AbslView(origin.substr(scheme_end + 3));
  absl::string_view asked_host = AbslView(host);
  if (https_) {
    // A page that came without TLS may be anybody's.
    if (origin.substr(0, scheme_end) != "https") return false;
    absl::ConsumeSuffix(&origin_host, ":443");
    absl::ConsumeSuffix(&asked_host, ":443");
  }
  return absl::EqualsIgnoreCase(origin_host, asked_host);
}

void AppendAnswer(const HttpAnswer& answer, const CorsPolicy& cors,
                  std::string_view origin, bool head_only, bool keep_alive,
                  std::string& out) {
  absl::StrAppend(
      &out, "HTTP/1.1 ", answer.status, " ", AbslView(Reason(answer.status)),
      "\r\nContent-Type: ", AbslView(answer.content_type),
      "\r\nContent-Length: ", answer.body.size(),
      "\r\nCache-Control: no-cache"
      "\r\nX-Content-Type-Options: nosniff"
      "\r\nAccess-Control-Allow-Methods: GET,POST,OPTIONS,DELETE"
      "\r\nAccess-Control-Allow-Headers: Accept, Content-Type, Content-Length, "
      "Accept-Encoding, Authorization, X-CSRF-Token"
      "\r\nVary: Origin");
  if (cors.IsAllowed(origin)) {
    absl::StrAppend(&out, "\r\nAccess-Control-Allow-Origin: ", AbslView(origin));
  }
  for (const auto& [name, value] : answer.headers) {
    absl::StrAppend(&out, "\r\n", AbslView(name), ": ", value);
  }
  absl::StrAppend(&out, "\r\nConnection: ", keep_alive ? "keep-alive" : "close",
                  "\r\n\r\n");
  if (!head_only) out += answer.body;
}

}  // namespace chatter::edge
