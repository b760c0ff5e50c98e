#include "edge/http/request.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/base/absl_view.h"

namespace chatter::edge {
namespace {

constexpr std::string_view kHeadEnd = "\r\n\r\n";

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Whether a comma-separated header names this token.
bool HasToken(const std::string& header, absl::string_view token) {
  for (const absl::string_view part : absl::StrSplit(header, ',')) {
    if (absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(part), token)) return true;
  }
  return false;
}

// RFC 7230 section 3.2.6.
bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

bool IsToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsTokenCharacter);
}

// A header field's line: a token, a colon, and no control characters.
bool IsFieldLine(std::string_view line) {
  const size_t colon = line.find(':');
  if (colon == std::string_view::npos || !IsToken(line.substr(0, colon))) return false;
  return std::none_of(line.begin() + static_cast<std::ptrdiff_t>(colon), line.end(),
                      [](char c) {
                        const auto byte = static_cast<unsigned char>(c);
                        return (byte < 0x20 && c != '\t') || byte == 0x7F;
                      });
}

absl::string_view ValueOf(std::string_view field_line) {
  return absl::StripAsciiWhitespace(
      AbslView(field_line.substr(field_line.find(':') + 1)));
}

bool IsContentLength(std::string_view field_line) {
  return absl::EqualsIgnoreCase(AbslView(field_line.substr(0, field_line.find(':'))),
                                "Content-Length");
}

bool IsOneNumber(std::string_view field_line) {
  const absl::string_view value = ValueOf(field_line);
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

std::optional<RequestLine> SplitRequestLine(std::string_view line) {
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return std::nullopt;
  const RequestLine parts{line.substr(0, first), line.substr(first + 1, last - first - 1),
                          line.substr(last + 1)};
  const bool printable = std::all_of(parts.target.begin(), parts.target.end(),
                                     [](char c) { return c > ' ' && c < 0x7F; });
  if (!IsToken(parts.method) || parts.target.empty() || !printable) return std::nullopt;
  return parts;
}

}  // namespace

std::optional<std::string> PercentDecode(std::string_view text, bool form) {
  std::string decoded;
  decoded.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && form) {
      decoded.push_back(' ');
    } else if (text[i] != '%') {
      decoded.push_back(text[i]);
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0 || high + low == 0) return std::nullopt;
      decoded.push_back(static_cast<char>(high << 4 | low));
      i += 2;
    }
  }
  return decoded;
}

std::optional<std::string> HttpRequest::Query(std::string_view name) const {
  for (const absl::string_view part : absl::StrSplit(AbslView(query_), '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(part, absl::MaxSplits('=', 1));
    if (pair.first == AbslView(name)) {
      return PercentDecode({pair.second.data(), pair.second.size()}, true);
    }
  }
  return std::nullopt;
}

bool HttpRequest::wants_upgrade() const {
  return HasToken(Header("Connection"), "upgrade") &&
         HasToken(Header("Upgrade"), "websocket");
}

HttpRequestReader::State HttpRequestReader::Feed(std::string_view bytes) {
  buffer_.append(bytes);
  if (state_ == State::kComplete || state_ == State::kProblem) return state_;
  return Advance();
}

HttpRequestReader::State HttpRequestReader::Next() {
  request_.reset();
  searched_ = 0;
  return Advance();
}

HttpRequestReader::State HttpRequestReader::Advance() {
  if (!request_.has_value()) {
    // Empty lines before a request are to be ignored: RFC 7230 section 3.5.
    const size_t blank = std::min(buffer_.find_first_not_of("\r\n"), buffer_.size());
    if (blank > 0 && searched_ == 0) buffer_.erase(0, blank);
    if (buffer_.empty()) {
      std::string().swap(buffer_);
      return state_ = State::kIdle;
    }
    state_ = State::kPartial;
    if (!ReadHead()) return state_;
  }
  const size_t taken = std::min(body_left_, buffer_.size());
  request_->body_.append(buffer_, 0, taken);
  buffer_.erase(0, taken);
  body_left_ -= taken;
  return state_ = body_left_ == 0 ? State::kComplete : State::kPartial;
}

// False when the headers are not complete, or a problem.
bool HttpRequestReader::ReadHead() {
  const size_t from = searched_ < kHeadEnd.size() ? 0 : searched_ - kHeadEnd.size();
  const size_t end = buffer_.find(kHeadEnd, from);
  if (end == std::string::npos) {
    searched_ = buffer_.size();
    if (buffer_.size() > limits_.header_bytes) {
      return Fail(431, "The request's headers are too large");
    }
    // What is no HTTP shows in its first byte or line; waiting for more would hide that.
    if (!IsTokenCharacter(buffer_.front())) return Fail(400, "The request is not HTTP");
    const size_t line_end = buffer_.find('\n');
    if (line_end != std::string::npos &&
        !SplitRequestLine(
            std::string_view(buffer_).substr(0, line_end - (line_end > 0 ? 1 : 0)))) {
      return Fail(400, "The request is not HTTP");
    }
    return false;
  }
  const size_t head_size = end + kHeadEnd.size();
  if (head_size > limits_.header_bytes) {
    return Fail(431, "The request's headers are too large");
  }
  const std::string head = buffer_.substr(0, head_size);
  buffer_.erase(0, head_size);
  if (!ParseHead(head)) return false;
  if (!ParseBodyLength()) return false;
  if (body_left_ > 0 &&
      absl::EqualsIgnoreCase(request_->Header("Expect"), "100-continue")) {
    expects_continue_ = buffer_.empty();
  }
  return true;
}

bool HttpRequestReader::ParseHead(std::string_view head) {
  std::string_view lines = head.substr(0, head.size() - kHeadEnd.size());
  const std::string_view request_line = lines.substr(0, lines.find("\r\n"));
  const std::optional<RequestLine> parts = SplitRequestLine(request_line);
  if (!parts.has_value()) return Fail(400, "The request is not HTTP");
  if (parts->version != "HTTP/1.1" && parts->version != "HTTP/1.0") {
    return parts->version.substr(0, 5) == "HTTP/"
               ? Fail(505, "HTTP/1.0 and HTTP/1.1 are spoken here")
               : Fail(400, "The request is not HTTP");
  }
  lines.remove_prefix(std::min(lines.size(), request_line.size() + 2));
  bool has_length = false;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find("\r\n"));
    if (!IsFieldLine(line)) return Fail(400, "A header line is malformed");
    if (IsContentLength(line)) {
      if (has_length || !IsOneNumber(line)) {
        return Fail(400, "Content-Length is not one number");
      }
      has_length = true;
    }
    lines.remove_prefix(std::min(lines.size(), line.size() + 2));
  }

  request_.emplace();
  try {
    request_->parsed_.consume(head.data(), head.size());
  } catch (const websocketpp::http::exception& problem) {
    namespace code = websocketpp::http::status_code;
    if (problem.m_error_code == code::request_entity_too_large) {
      return Fail(413, "The request's body is too large");
    }
    // Its own bound is a little lower, and it counts a byte more for each line.
    if (problem.m_error_code == code::request_header_fields_too_large) {
      return Fail(431, "The request's headers are too large");
    }
    // All else has been looked at already; the parser wants it of HTTP/1.0 too.
    return Fail(400, "The Host header is missing");
  }
  const std::string& uri = request_->parsed_.get_uri();
  const std::string_view target(uri);
  const size_t question = target.find('?');
  std::optional<std::string> path = PercentDecode(target.substr(0, question), false);
  if (!path.has_value() || path->empty() || path->front() != '/') {
    // "*" is for OPTIONS of the server as a whole.
    if (uri != "*") return Fail(400, "The request's target is malformed");
    path = "/";
  }
  if (path->size() > 1 && path->back() == '/') path->pop_back();
  request_->path_ = *std::move(path);
  if (question != std::string_view::npos) request_->query_ = target.substr(question + 1);
  const std::string& connection = request_->Header("Connection");
  request_->keep_alive_ = parts->version == "HTTP/1.1"
                              ? !HasToken(connection, "close")
                              : HasToken(connection, "keep-alive");
  return true;
}

bool HttpRequestReader::ParseBodyLength() {
  const std::string& length = request_->Header("Content-Length");
  if (!request_->Header("Transfer-Encoding").empty()) {
    return length.empty()
               ? Fail(411, "A body comes with Content-Length here")
               : Fail(400, "Content-Length and Transfer-Encoding contradict each other");
  }
  body_left_ = 0;
  if (length.empty()) return true;
  uint64_t bytes;
  if (!absl::SimpleAtoi(length, &bytes) || bytes > limits_.body_bytes) {
    return Fail(413, "The request's body is too large");
  }
  body_left_ = bytes;
  return true;
}

bool HttpRequestReader::Fail(int status, std::string_view message) {
  problem_ = {status, message};
  state_ = State::kProblem;
  request_.reset();
  std::string().swap(buffer_);
  return false;
}

}  // namespace chatter::edge
