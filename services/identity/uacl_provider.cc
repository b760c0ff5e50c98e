#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "rapidjson/document.h"
#include "services/base/http_client.h"
#include "services/base/protocol.h"
#include "services/base/utf8.h"
#include "services/identity/identity_provider.h"

namespace chatter::identity {
namespace {

bool IsName(const std::string& text, int max_characters) {
  const std::optional<size_t> characters = CountCharacters(text);
  return characters.has_value() && *characters <= static_cast<size_t>(max_characters) &&
         !HasControlCharacter(text);
}

// A member's text; empty when it is null or not there.
std::optional<std::string> Text(const rapidjson::Value& object, const char* member) {
  const auto it = object.FindMember(member);
  if (it == object.MemberEnd() || it->value.IsNull()) return "";
  if (!it->value.IsString()) return std::nullopt;
  return std::string(it->value.GetString(), it->value.GetStringLength());
}

std::optional<Identity> ParseIdentity(const std::string& body) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      body);
  if (document.HasParseError() || !document.IsObject()) return std::nullopt;
  const auto result = document.FindMember("result");
  if (result == document.MemberEnd() || !result->value.IsObject()) return std::nullopt;
  const std::optional<std::string> username = Text(result->value, "username");
  const std::optional<std::string> name = Text(result->value, "name");
  const std::optional<std::string> group = Text(result->value, "user_group");
  if (!username.has_value() || !name.has_value() || !group.has_value() ||
      username->empty() || !IsName(*username, kMaxUsernameCharacters) ||
      !IsName(*group, kMaxGroupCharacters)) {
    return std::nullopt;
  }
  return Identity{*username, *name, *group};
}

absl::StatusOr<Identity> ToIdentity(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) {
    if (absl::IsResourceExhausted(response.status())) return response.status();
    return absl::UnavailableError(response.status().message());
  }
  if (response->status == 401 || response->status == 403) {
    return absl::UnauthenticatedError("uacl refuses the token");
  }
  if (response->status != 200) {
    return absl::UnavailableError("uacl answers HTTP " +
                                  std::to_string(response->status));
  }
  std::optional<Identity> identity = ParseIdentity(response->body);
  if (!identity.has_value()) {
    return absl::UnavailableError("uacl's answer does not have the agreed form");
  }
  return *std::move(identity);
}

// `Bearer ` and a token of visible ASCII: what can stand in a header as it is.
bool IsBearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (authorization.size() <= kScheme.size() ||
      authorization.size() > kMaxAuthorizationBytes ||
      authorization.substr(0, kScheme.size()) != kScheme) {
    return false;
  }
  for (const char c : authorization.substr(kScheme.size())) {
    if (c <= ' ' || c > '~') return false;
  }
  return true;
}

class UaclProvider : public IdentityProvider {
 public:
  UaclProvider(const std::string& verification_url, IdentityMetrics& metrics,
               const Clock& clock)
      : verification_url_(verification_url),
        metrics_(metrics.uacl),
        clock_(clock),
        http_(MakeHttpClient({})) {}

  void Verify(const std::string& authorization, Done done) override {
    if (!IsBearer(authorization)) {
      done(absl::UnauthenticatedError("not a bearer token"));
      return;
    }
    HttpRequest request;
    request.url = verification_url_;
    request.headers = {"Authorization: " + authorization};
    request.deadline = kUaclDeadline;
    http_->Send(
        std::move(request), [this, begin = clock_.Uptime(), done = std::move(done)](
                                const absl::StatusOr<HttpResponse>& response) {
          const absl::StatusOr<Identity> identity = ToIdentity(response);
          metrics_.Count(identity.status().code(), absl::StatusCode::kUnauthenticated,
                         clock_.Uptime() - begin);
          done(identity);
        });
  }

 private:
  const std::string verification_url_;
  CallMetrics& metrics_;
  const Clock& clock_;
  const std::unique_ptr<HttpClient> http_;  // last: its end calls back
};

}  // namespace

std::unique_ptr<IdentityProvider> MakeUaclProvider(const std::string& verification_url,
                                                   IdentityMetrics& metrics,
                                                   const Clock& clock) {
  return std::make_unique<UaclProvider>(verification_url, metrics, clock);
}

}  // namespace chatter::identity
