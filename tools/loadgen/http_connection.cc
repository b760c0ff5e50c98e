#include "tools/loadgen/http_connection.h"

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"

namespace chatter::loadgen {

void HttpConnection::Ask(std::string_view request) {
  request_ = request;
  asking_ = true;
  if (tcp_.is_connected()) {
    tcp_.Write(request_);
  } else {
    tcp_.Connect(target_.address, from_);
  }
}

void HttpConnection::Close() {
  asking_ = false;
  tcp_.Close();
}

void HttpConnection::OnConnected() { tcp_.Write(request_); }

size_t HttpConnection::OnBytes(std::string_view bytes) {
  const absl::StatusOr<HttpResponse> response = ParseHttpResponse(bytes);
  if (absl::IsOutOfRange(response.status())) return 0;
  const size_t used = response.ok() ? response->size() : bytes.size();
  if (!response.ok() || !asking_) tcp_.Close();
  if (asking_) {
    asking_ = false;
    owner_.OnResponse(response);
  }
  return used;
}

void HttpConnection::OnDisconnected(const absl::Status& why) {
  // A server may close a connection that nobody uses.
  if (!asking_) return;
  asking_ = false;
  owner_.OnResponse(why);
}

std::string RequestText(const Target& target, std::string_view path,
                        std::string_view bearer, std::string_view body) {
  std::string text = absl::StrCat(body.empty() ? "GET " : "POST ", AbslView(path),
                                  " HTTP/1.1\r\nHost: ", target.text, "\r\n");
  if (!bearer.empty()) {
    absl::StrAppend(&text, "Authorization: Bearer ", AbslView(bearer), "\r\n");
  }
  if (!body.empty()) {
    absl::StrAppend(
        &text, "Content-Type: application/json\r\nContent-Length: ", body.size(), "\r\n");
  }
  absl::StrAppend(&text, "\r\n", AbslView(body));
  return text;
}

}  // namespace chatter::loadgen
