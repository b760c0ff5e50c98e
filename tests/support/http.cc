#include "tests/support/http.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "glog/logging.h"

namespace chatter::testing {

std::string RequestText(std::string_view method, std::string_view target,
                        const HeaderLines& headers, std::string_view body) {
  std::string text =
      absl::StrCat(std::string(method), " ", std::string(target), " HTTP/1.1\r\n");
  text += "Host: localhost\r\n";
  for (const std::string& line : headers) text += line + "\r\n";
  if (!body.empty()) absl::StrAppend(&text, "Content-Length: ", body.size(), "\r\n");
  text += "\r\n";
  text.append(body);
  return text;
}

std::optional<HttpReply> HttpConnection::Read(bool head) {
  size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!tcp_.Receive(buffer_)) return std::nullopt;
  }
  HttpReply reply;
  const std::vector<std::string> lines = absl::StrSplit(buffer_.substr(0, end), "\r\n");
  CHECK(absl::SimpleAtoi(lines[0].substr(9, 3), &reply.status)) << lines[0];
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(": ");
    CHECK(colon != std::string::npos) << lines[i];
    reply.headers[absl::AsciiStrToLower(lines[i].substr(0, colon))] =
        lines[i].substr(colon + 2);
  }
  buffer_.erase(0, end + 4);
  size_t length = 0;
  if (!head && reply.status != 101 && reply.status != 304) {
    CHECK(absl::SimpleAtoi(reply.headers["content-length"], &length));
  }
  while (buffer_.size() < length) {
    if (!tcp_.Receive(buffer_)) return std::nullopt;
  }
  reply.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return reply;
}

HttpReply HttpConnection::Ask(std::string_view method, std::string_view target,
                              const HeaderLines& headers, std::string_view body) {
  tcp_.Send(RequestText(method, target, headers, body));
  std::optional<HttpReply> reply = Read(method == "HEAD");
  CHECK(reply.has_value()) << "no answer to " << method << " " << target;
  return *std::move(reply);
}

std::string HttpConnection::TakeRest() { return std::exchange(buffer_, {}); }

HttpReply Ask(const Server& server, std::string_view method, std::string_view target,
              const HeaderLines& headers, std::string_view body) {
  return HttpConnection(server).Ask(method, target, headers, body);
}

}  // namespace chatter::testing
