#include "edge/http/rest.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "edge/http/json_string.h"
#include "edge/http/new_user.h"
#include "glog/logging.h"
#include "services/base/log.h"
#include "services/base/protocol.h"
#include "services/base/rfc3339.h"
#include "services/base/utf8.h"

namespace chatter::edge {
namespace {

// Between two lines of the log about answers that went wrong.
constexpr double kLogGapSeconds = 0.1;
// MESSAGES_LIMIT of the chat service may be lower, never higher.
constexpr int64_t kMaxLimit = 10'000;
// A history's answer ends early when it has this much: large messages leave fewer of
// them.
constexpr size_t kMaxAnswerBytes = 32 << 20;

HttpAnswer NotAuthorised(int status) { return MessageAnswer(status, "Not authorised"); }

// What the chat service's refusals are in HTTP, where an endpoint says nothing else.
HttpAnswer ErrorAnswer(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnauthenticated:
      return NotAuthorised(401);
    case absl::StatusCode::kInvalidArgument:
      return MessageAnswer(
          400, std::string_view(status.message().data(), status.message().size()));
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kCancelled:
      return UnavailableAnswer();
    default:
      return MessageAnswer(500, "Something went wrong here");
  }
}

HttpAnswer MethodNotAllowed(const std::string& allowed) {
  HttpAnswer answer = MessageAnswer(405, "This method is not allowed here");
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

// What can go into gRPC metadata as it is.
bool IsPrintable(const std::string& header) {
  return header.size() <= kMaxAuthorizationBytes &&
         std::all_of(header.begin(), header.end(),
                     [](char c) { return c >= ' ' && c <= '~'; });
}

bool HasBearer(const HttpRequest& request) {
  const std::string& header = request.Header("Authorization");
  return header.rfind("Bearer ", 0) == 0 && IsPrintable(header);
}

int64_t Micros(const google::protobuf::Timestamp& time) {
  return time.seconds() * 1'000'000 + time.nanos() / 1000;
}

void AppendMember(std::string_view name, const std::string& value, std::string& out) {
  out.push_back(',');
  AppendJsonString(name, out);
  out.push_back(':');
  AppendJsonString(value, out);
}

void AppendMessage(const v1::Message& message, std::string& out) {
  absl::StrAppend(&out, "{\"id\":", message.id());
  AppendMember("username_from", message.from(), out);
  AppendMember("username_to", message.to(), out);
  if (!message.text().empty()) AppendMember("message", message.text(), out);
  if (!message.image_path().empty()) {
    AppendMember("image_path", message.image_path(), out);
  }
  out += ",\"created\":\"";
  AppendRfc3339(Micros(message.created()), out);
  out += "\"}";
}

// A query parameter that is a number of at least `min`; `absent` when it is not there.
std::optional<int64_t> Number(const HttpRequest& request, std::string_view name,
                              int64_t min, int64_t absent) {
  const std::optional<std::string> text = request.Query(name);
  if (!text.has_value()) return absent;
  int64_t number;
  if (!absl::SimpleAtoi(*text, &number) || number < min) return std::nullopt;
  return number;
}

// A name that is missing, or is not UTF-8 as gRPC would have it, is nobody's: "".
std::string Username(const std::optional<std::string>& parameter) {
  const bool valid = parameter.has_value() && CountCharacters(*parameter).has_value();
  return valid ? *parameter : "";
}

// Collects the pages of one history until there are enough messages.
class MessagesCall : public std::enable_shared_from_this<MessagesCall> {
 public:
  MessagesCall(ChatClient& chat, std::string authorization,
               v1::ListMessagesRequest request, Rest::Done done)
      : chat_(chat),
        authorization_(std::move(authorization)),
        request_(std::move(request)),
        done_(std::move(done)) {}

  void Next() {
    chat_.ListMessages(
        authorization_, request_,
        [self = shared_from_this()](absl::StatusOr<v1::ListMessagesResponse> page) {
          self->OnPage(std::move(page));
        });
  }

 private:
  void OnPage(absl::StatusOr<v1::ListMessagesResponse> page) {
    if (!page.ok()) {
      const bool wrong =
          absl::IsPermissionDenied(page.status()) || absl::IsNotFound(page.status());
      done_(wrong ? MessageAnswer(422, "Wrong") : ErrorAnswer(page.status()));
      return;
    }
    const int got = page->messages_size();
    const std::string token = page->next_page_token();
    if (pages_.empty()) wanted_ = page->page_size();
    wanted_ -= got;
    bytes_ += page->ByteSizeLong();
    pages_.push_back(*std::move(page));
    // A page ends early when its messages are large.
    if (token.empty() || got == 0 || wanted_ <= 0 || bytes_ >= kMaxAnswerBytes) {
      return Finish();
    }
    request_.set_page_size(wanted_);
    request_.set_page_token(token);
    request_.clear_before_id();
    request_.clear_skip();
    Next();
  }

  // The pages go back in time, and each one is in order.
  void Finish() {
    std::string result = "[";
    for (auto page = pages_.rbegin(); page != pages_.rend(); ++page) {
      for (const v1::Message& message : page->messages()) {
        if (result.size() > 1) result.push_back(',');
        AppendMessage(message, result);
      }
    }
    result.push_back(']');
    done_(ResultAnswer(200, result));
  }

  ChatClient& chat_;
  const std::string authorization_;
  v1::ListMessagesRequest request_;
  const Rest::Done done_;
  int wanted_ = 0;    // messages, beyond those in pages_
  size_t bytes_ = 0;  // of pages_
  std::vector<v1::ListMessagesResponse> pages_;
};

// Collects all pages of a group.
class ConnectionsCall : public std::enable_shared_from_this<ConnectionsCall> {
 public:
  ConnectionsCall(ChatClient& chat, std::string authorization, Rest::Done done)
      : chat_(chat), authorization_(std::move(authorization)), done_(std::move(done)) {}

  void Next() {
    chat_.ListConnections(
        authorization_, request_,
        [self = shared_from_this()](absl::StatusOr<v1::ListConnectionsResponse> page) {
          self->OnPage(page);
        });
  }

 private:
  void OnPage(const absl::StatusOr<v1::ListConnectionsResponse>& page) {
    if (!page.ok()) return done_(ErrorAnswer(page.status()));
    for (const v1::Connection& connection : page->connections()) {
      result_ += result_.size() > 1 ? ",{\"username\":" : "{\"username\":";
      AppendJsonString(connection.username(), result_);
      result_ += connection.active() ? ",\"active\":true}" : ",\"active\":false}";
    }
    if (!page->next_page_token().empty()) {
      request_.set_page_token(page->next_page_token());
      return Next();
    }
    result_.push_back(']');
    done_(ResultAnswer(200, result_));
  }

  ChatClient& chat_;
  const std::string authorization_;
  const Rest::Done done_;
  v1::ListConnectionsRequest request_;
  std::string result_ = "[";
};

}  // namespace

void Rest::Handle(const HttpRequest& request, Done done) {
  struct Route {
    std::string_view path;
    std::string_view method;
    void (Rest::*handler)(const HttpRequest&, Done);
  };
  static constexpr Route kRoutes[] = {
      {"/user", "POST", &Rest::CreateUser},
      {"/ws_token", "GET", &Rest::IssueToken},
      {"/connections", "GET", &Rest::ListConnections},
      {"/messages", "GET", &Rest::ListMessages},
  };
  const std::string& method = request.method();
  const bool reads = method == "GET" || method == "HEAD";
  if (method == "OPTIONS") {
    HttpAnswer answer;
    return done(std::move(answer));
  }
  if (request.path() == "/healthz") {
    return done(reads ? MessageAnswer(200, "Health OK")
                      : MethodNotAllowed("GET, HEAD, OPTIONS"));
  }
  for (const Route& route : kRoutes) {
    if (request.path() != route.path) continue;
    if (method == route.method) {
      std::string id = RequestId(request);
      const RequestScope scope(id);
      return (this->*route.handler)(
          request, [id, &route, done = std::move(done)](HttpAnswer answer) {
            if (answer.status >= 500) {
              LOG_EVERY_T(WARNING, kLogGapSeconds) << route.method << " " << route.path
                                                   << " is answered " << answer.status;
              answer.headers.emplace_back("X-Request-Id", id);
            }
            done(std::move(answer));
          });
    }
    return done(MethodNotAllowed(std::string(route.method) + ", OPTIONS"));
  }
  if (request.path() == kWebSocketPath) return done(MethodNotAllowed("GET, OPTIONS"));
  if (!files_.Has(request.path())) {
    return done(MessageAnswer(404, "There is nothing at this path"));
  }
  done(reads ? files_.Answer(request) : MethodNotAllowed("GET, HEAD, OPTIONS"));
}

// What a proxy, or the client, calls it; otherwise a new one.
std::string Rest::RequestId(const HttpRequest& request) {
  const std::string& given = request.Header("X-Request-Id");
  if (IsRequestId(given)) return given;
  return absl::StrCat(absl::Hex(absl::Uniform<uint64_t>(random_), absl::kZeroPad16));
}

void Rest::CreateUser(const HttpRequest& request, Done done) {
  const std::string& secret = request.Header("Authorization");
  if (secret.empty() || !IsPrintable(secret)) return done(NotAuthorised(400));
  absl::StatusOr<v1::CreateUserRequest> user = ParseNewUser(request.body());
  // Who may not call learns nothing else: an impossible user is for the service to
  // refuse.
  const absl::Status malformed = user.status();
  chat_.CreateUser(
      secret, user.ok() ? *std::move(user) : v1::CreateUserRequest(),
      [malformed,
       done = std::move(done)](absl::StatusOr<v1::CreateUserResponse> created) {
        const absl::Status& status = created.status();
        if (status.ok()) return done(MessageAnswer(201, "Created user"));
        if (absl::IsPermissionDenied(status) || absl::IsUnauthenticated(status)) {
          return done(NotAuthorised(400));
        }
        if (absl::IsAlreadyExists(status)) {
          return done(MessageAnswer(400, "Username already exists"));
        }
        const bool use_malformed = absl::IsInvalidArgument(status) && !malformed.ok();
        done(ErrorAnswer(use_malformed ? malformed : status));
      });
}

void Rest::IssueToken(const HttpRequest& request, Done done) {
  if (!HasBearer(request)) return done(NotAuthorised(401));
  chat_.IssueToken(
      request.Header("Authorization"), {},
      [done = std::move(done)](absl::StatusOr<v1::IssueTokenResponse> issued) {
        if (!issued.ok()) return done(ErrorAnswer(issued.status()));
        std::string result = "{\"token\":";
        AppendJsonString(issued->token(), result);
        AppendMember("username", issued->username(), result);
        result += ",\"expires\":\"";
        AppendRfc3339(Micros(issued->expires()), result);
        result += "\"}";
        done(ResultAnswer(201, result));
      });
}

void Rest::ListConnections(const HttpRequest& request, Done done) {
  if (!HasBearer(request)) return done(NotAuthorised(401));
  std::make_shared<ConnectionsCall>(chat_, request.Header("Authorization"),
                                    std::move(done))
      ->Next();
}

void Rest::ListMessages(const HttpRequest& request, Done done) {
  if (!HasBearer(request)) return done(NotAuthorised(401));
  const std::optional<std::string> from = request.Query("from");
  const std::optional<std::string> to = request.Query("to");
  const std::optional<int64_t> limit = Number(request, "limit", 1, 0);
  const std::optional<int64_t> before = Number(request, "before", 1, 0);
  const std::optional<int64_t> skip = Number(request, "skip", 0, 0);
  if (!limit.has_value())
    return done(MessageAnswer(400, "limit is not a number above 0"));
  if (!before.has_value())
    return done(MessageAnswer(400, "before is not a message's id"));
  if (!skip.has_value()) return done(MessageAnswer(400, "skip is not a number"));
  v1::ListMessagesRequest list;
  list.set_user(Username(from));
  list.set_with(Username(to));
  list.set_page_size(static_cast<int32_t>(std::min(*limit, kMaxLimit)));
  list.set_before_id(*before);
  list.set_skip(*skip);
  std::make_shared<MessagesCall>(chat_, request.Header("Authorization"), std::move(list),
                                 std::move(done))
      ->Next();
}

}  // namespace chatter::edge
