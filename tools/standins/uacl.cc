#include "tools/standins/uacl.h"

#include <httplib.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "tools/standins/accounts.h"
#include "tools/standins/files.h"
#include "tools/standins/http_service.h"
#include "tools/standins/jwt.h"

namespace chatter::standins {
namespace {

constexpr absl::Duration kChatterDeadline = absl::Seconds(2);
// A clock that is a little behind ours shall not refuse a new token.
constexpr absl::Duration kClockSkew = absl::Seconds(5);

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void WriteMember(Writer& writer, const char* key, const std::string& value) {
  writer.Key(key);
  writer.String(value);
}

absl::StatusOr<rapidjson::Document> ParseObject(const std::string& body) {
  rapidjson::Document json;
  json.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      body);
  if (json.HasParseError() || !json.IsObject()) {
    return absl::InvalidArgumentError("Body is not a JSON object");
  }
  return json;
}

// Empty when the member is not there.
absl::StatusOr<std::string> Text(const rapidjson::Document& json, const char* member) {
  const auto found = json.FindMember(member);
  if (found == json.MemberEnd() || found->value.IsNull()) return std::string();
  if (!found->value.IsString()) {
    return absl::InvalidArgumentError(absl::StrCat(member, " is not a string"));
  }
  return std::string(found->value.GetString(), found->value.GetStringLength());
}

struct Credentials {
  std::string username;
  std::string password;
  std::string name;
  std::string user_group;
};

absl::StatusOr<Credentials> ReadCredentials(const std::string& body) {
  absl::StatusOr<rapidjson::Document> json = ParseObject(body);
  if (!json.ok()) return json.status();
  Credentials read;
  for (const auto& [member, place] : {std::pair{"username", &read.username},
                                      {"password", &read.password},
                                      {"name", &read.name},
                                      {"user_group", &read.user_group}}) {
    absl::StatusOr<std::string> text = Text(*json, member);
    if (!text.ok()) return text.status();
    *place = *std::move(text);
  }
  return read;
}

int HttpStatus(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return 400;
    default:
      return 500;
  }
}

class UaclService : public Uacl {
 public:
  UaclService(UaclOptions options, JwtSigner signer)
      : options_(std::move(options)),
        signer_(std::move(signer)),
        accounts_(options_.data_dir.empty() ? "" : options_.data_dir + "/users.json"),
        chatter_url_(options_.chatter_url) {
    http_.Post("/user", [this](const auto& request, auto& response) {
      SignUp(request, response);
    });
    http_.Post("/login",
               [this](const auto& request, auto& response) { LogIn(request, response); });
    http_.Get(
        "/authorize",
        [this](const auto& request, auto& response) { Authorize(request, response); },
        &authorize_calls_);
  }

  ~UaclService() override { http_.Stop(); }

  absl::Status Open() {
    absl::Status loaded = accounts_.Load();
    if (!loaded.ok()) return loaded;
    return http_.Start(options_.host, options_.port);
  }

  int port() const override { return http_.port(); }

  std::string AddUser(std::string_view username, std::string_view group,
                      absl::Duration valid_for) override {
    return TokenFor(accounts_.Put(std::string(username), std::string(group)), valid_for);
  }

  void SetChatterUrl(std::string_view url) override {
    absl::MutexLock lock(&mutex_);
    chatter_url_ = std::string(url);
  }

  void SetDelay(absl::Duration delay) override { http_.SetDelay(delay); }
  void SetFailing(bool failing) override { http_.SetStatus(failing ? 500 : 0); }
  int64_t authorize_calls() const override { return authorize_calls_.load(); }

 private:
  std::string TokenFor(const Account& account, absl::Duration valid_for) const {
    const absl::Time now = absl::Now();
    return signer_.Sign({account.name, account.username, account.user_group,
                         now + valid_for, now - kClockSkew, now});
  }

  void SignUp(const httplib::Request& request, httplib::Response& response) {
    const absl::StatusOr<Credentials> given = ReadCredentials(request.body);
    if (!given.ok()) return AnswerMessage(response, 400, given.status().message());
    const absl::StatusOr<Account> account = accounts_.Create(
        given->username, given->password, given->name, given->user_group);
    if (!account.ok()) {
      return AnswerMessage(response, HttpStatus(account.status()),
                           account.status().message());
    }
    TellChatter(*account);
    AnswerMessage(response, 201, "Created user");
  }

  void LogIn(const httplib::Request& request, httplib::Response& response) {
    const absl::StatusOr<Credentials> given = ReadCredentials(request.body);
    if (!given.ok()) return AnswerMessage(response, 400, given.status().message());
    const std::optional<Account> account =
        accounts_.Check(given->username, given->password);
    if (!account) {
      return AnswerMessage(response, 401, "Username or password is wrong");
    }
    AnswerResult(response, 200,
                 absl::StrCat("{\"token\":\"",
                              TokenFor(*account, options_.token_lifetime), "\"}"));
  }

  void Authorize(const httplib::Request& request, httplib::Response& response) {
    const std::string header = request.get_header_value("Authorization");
    absl::string_view token = header;
    if (!absl::ConsumePrefix(&token, "Bearer ")) {
      return AnswerMessage(response, 401, "Not authorised");
    }
    const absl::StatusOr<JwtSigner::Claims> claims = signer_.Verify(token, absl::Now());
    // The account, not the token, says which group: it may have changed since.
    const std::optional<Account> account =
        claims.ok() ? accounts_.Find(claims->username) : std::nullopt;
    if (!account) return AnswerMessage(response, 401, "Not authorised");
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    WriteMember(writer, "name", account->name);
    WriteMember(writer, "username", account->username);
    WriteMember(writer, "user_group", account->user_group);
    writer.EndObject();
    AnswerResult(response, 200, buffer.GetString());
  }

  // uacl sends its whole user, the password's hash included, and ignores the answer.
  void TellChatter(const Account& account) {
    std::string url;
    {
      absl::MutexLock lock(&mutex_);
      url = chatter_url_;
    }
    if (url.empty()) return;
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartObject();
    WriteMember(writer, "name", account.name);
    WriteMember(writer, "username", account.username);
    WriteMember(writer, "password", account.password_hash);
    WriteMember(writer, "user_group", account.user_group);
    writer.EndObject();
    httplib::Client client(url);
    const auto deadline = absl::ToChronoSeconds(kChatterDeadline);
    client.set_connection_timeout(deadline);
    client.set_read_timeout(deadline);
    client.set_write_timeout(deadline);
    client.Post("/user", {{"Authorization", options_.chatter_secret}}, buffer.GetString(),
                "application/json");
  }

  const UaclOptions options_;
  const JwtSigner signer_;
  Accounts accounts_;
  std::atomic<int64_t> authorize_calls_{0};
  absl::Mutex mutex_;
  std::string chatter_url_ ABSL_GUARDED_BY(mutex_);
  HttpService http_;
};

// The key outlives a restart, so that tokens do.
absl::StatusOr<JwtSigner> OpenSigner(const std::string& data_dir) {
  if (data_dir.empty()) return JwtSigner::Generate();
  const std::string path = data_dir + "/uacl_key.pem";
  const absl::StatusOr<std::string> pem = ReadFile(path);
  if (pem.ok()) {
    absl::StatusOr<JwtSigner> signer = JwtSigner::FromPem(*pem);
    if (!signer.ok()) {
      return absl::DataLossError(absl::StrCat(path, ": ", signer.status().message()));
    }
    return signer;
  }
  if (!absl::IsNotFound(pem.status())) return pem.status();
  absl::StatusOr<JwtSigner> signer = JwtSigner::Generate();
  if (!signer.ok()) return signer;
  absl::Status written = WriteFile(path, signer->ToPem());
  if (!written.ok()) return written;
  return signer;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Uacl>> Uacl::Start(UaclOptions options) {
  absl::StatusOr<JwtSigner> signer = OpenSigner(options.data_dir);
  if (!signer.ok()) return signer.status();
  auto service = std::make_unique<UaclService>(std::move(options), *std::move(signer));
  absl::Status opened = service->Open();
  if (!opened.ok()) return opened;
  return service;
}

}  // namespace chatter::standins
