#include "services/notification/http_notifier.h"

#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"
#include "services/base/clock.h"
#include "services/base/http_client.h"
#include "services/base/protocol.h"
#include "services/base/rfc3339.h"

namespace chatter::notification {
namespace {

// RFC 3986 section 2.3: what is not unreserved is percent-encoded.
std::string PercentEncode(absl::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
                            c == '~';
    if (unreserved) {
      encoded.push_back(c);
    } else {
      encoded.push_back('%');
      encoded.push_back(kDigits[byte >> 4]);
      encoded.push_back(kDigits[byte & 15]);
    }
  }
  return encoded;
}

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

void WriteString(absl::string_view text, Json& json) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

absl::Status ToStatus(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) {
    // A large answer says nothing about whether notif took it.
    if (absl::IsResourceExhausted(response.status())) return response.status();
    return absl::UnavailableError(response.status().message());
  }
  const int status = response->status;
  if (status == 201) return absl::OkStatus();
  const std::string answer = absl::StrCat("notif answers HTTP ", status);
  // What an operator can put right (a wrong secret or path) and what passes by itself is
  // worth trying again; nothing makes notif like a body that it refuses.
  const bool for_good = status == 400 || status == 413 || status == 415 || status == 422;
  return for_good ? absl::InvalidArgumentError(answer) : absl::UnavailableError(answer);
}

class HttpNotifier : public Notifier {
 public:
  HttpNotifier(NotifTarget target, CallMetrics& metrics)
      : target_(std::move(target)), metrics_(metrics), http_(MakeHttpClient({})) {}

  void Notify(const Notice& notice, Done done) override {
    HttpRequest http;
    http.url = target_.url;
    http.headers = {"Content-Type: application/json",
                    "Authorization: " + target_.authorization};
    http.body =
        std::make_unique<std::string>(NotificationBody(notice, target_.emotives_url));
    http.deadline = kNotifDeadline;
    http_->Send(std::move(http),
                [this, done = std::move(done), begin = Clock::Real().Uptime()](
                    const absl::StatusOr<HttpResponse>& response) {
                  const absl::Status status = ToStatus(response);
                  metrics_.Count(status.code(), absl::StatusCode::kInvalidArgument,
                                 Clock::Real().Uptime() - begin);
                  done(status);
                });
  }

 private:
  const NotifTarget target_;
  CallMetrics& metrics_;
  const std::unique_ptr<HttpClient> http_;  // last: its end calls back
};

}  // namespace

std::string NotificationBody(const Notice& notice, const std::string& emotives_url) {
  std::string created;
  AppendRfc3339(absl::ToUnixMicros(notice.created), created);
  rapidjson::StringBuffer body;
  Json json(body);
  json.StartObject();
  json.Key("username");
  WriteString(notice.recipient, json);
  json.Key("type");
  json.String("message");
  json.Key("title");
  json.String("New message!");
  json.Key("message");
  json.String(absl::StrCat(notice.sender, " messaged you: ", notice.text));
  json.Key("link");
  json.String(
      absl::StrCat(emotives_url, "messenger?talking-to=", PercentEncode(notice.sender)));
  json.Key("username_to");
  WriteString(notice.recipient, json);
  json.Key("created_at");
  json.String(created);
  json.Key("seen");
  json.Bool(false);
  json.EndObject();
  return std::string(body.GetString(), body.GetSize());
}

std::unique_ptr<Notifier> MakeHttpNotifier(NotifTarget target, CallMetrics& metrics) {
  return std::make_unique<HttpNotifier>(std::move(target), metrics);
}

}  // namespace chatter::notification
