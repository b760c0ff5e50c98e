#include "tools/loadgen/users.h"

#include <cstddef>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/json_scan.h"
#include "tools/standins/files.h"
#include "tools/standins/jwt.h"

namespace chatter::loadgen {
namespace {

// uacl hashes passwords: more at a time take just as long.
constexpr int kSignUpClients = 2;
constexpr int64_t kTimeoutForEach = kSecond;
constexpr int64_t kLeastTimeout = 30 * kSecond;
constexpr absl::string_view kPassword = "loadgen";
constexpr absl::Duration kTokenLifetime = absl::Hours(12);
constexpr absl::Duration kClockSkew = absl::Seconds(5);

// Signs up one user after another.
class SignUp : public HttpConnection::Owner {
 public:
  SignUp(EventLoop& loop, const Options& options, std::vector<User>& users, size_t& next)
      : loop_(loop),
        options_(options),
        users_(users),
        next_(next),
        http_(loop, options.uacl, 0, *this) {}

  void Start() {
    if (next_ == users_.size()) return;
    index_ = next_++;
    is_login_ = false;
    const std::string group =
        GroupName(options_.user_prefix, options_.group_size, static_cast<int>(index_));
    Post("/user",
         absl::StrCat("{\"username\":\"", users_[index_].name, "\",\"password\":\"",
                      kPassword, "\",\"user_group\":\"", group, "\"}"));
  }

  void OnResponse(const absl::StatusOr<HttpResponse>& response) override {
    if (!response.ok()) {
      return loop_.Fail(absl::UnavailableError(absl::StrCat(
          "uacl at ", options_.uacl.text, ": ", response.status().message())));
    }
    if (!is_login_ && (response->status == 201 || response->status == 400)) {
      // 400: an earlier run has signed it up; if not, it cannot log in.
      is_login_ = true;
      return Post("/login", absl::StrCat("{\"username\":\"", users_[index_].name,
                                         "\",\"password\":\"", kPassword, "\"}"));
    }
    const std::optional<std::string_view> token =
        ScanString(response->body, "\"token\":\"");
    if (response->status != 200 || !token.has_value()) {
      return loop_.Fail(absl::UnavailableError(
          absl::StrCat("uacl answers ", response->status, " for ", users_[index_].name,
                       ": ", AbslView(response->body))));
    }
    users_[index_].bearer = std::string(*token);
    Start();
  }

 private:
  void Post(std::string_view path, const std::string& body) {
    request_ = RequestText(options_.uacl, path, "", body);
    http_.Ask(request_);
  }

  EventLoop& loop_;
  const Options& options_;
  std::vector<User>& users_;
  size_t& next_;
  size_t index_ = 0;
  bool is_login_ = false;
  std::string request_;
  HttpConnection http_;
};

absl::Status SignUpAll(EventLoop& loop, const Options& options,
                       std::vector<User>& users) {
  size_t next = 0;
  std::vector<std::unique_ptr<SignUp>> clients;
  for (int i = 0; i < kSignUpClients; ++i) {
    clients.push_back(std::make_unique<SignUp>(loop, options, users, next));
    clients.back()->Start();
  }
  const auto done = [&users] {
    for (const User& user : users) {
      if (user.bearer.empty()) return false;
    }
    return true;
  };
  const int64_t timeout =
      kLeastTimeout + static_cast<int64_t>(users.size()) * kTimeoutForEach;
  return loop.Await(done, timeout, "signing up");
}

absl::Status SignTokens(const Options& options, std::vector<User>& users) {
  const absl::StatusOr<std::string> pem =
      standins::ReadFile(options.uacl_data + "/uacl_key.pem");
  if (!pem.ok()) return pem.status();
  const absl::StatusOr<standins::JwtSigner> signer = standins::JwtSigner::FromPem(*pem);
  if (!signer.ok()) return signer.status();
  const absl::Time now = absl::Now();
  for (size_t i = 0; i < users.size(); ++i) {
    const std::string group =
        GroupName(options.user_prefix, options.group_size, static_cast<int>(i));
    users[i].bearer = signer->Sign({users[i].name, users[i].name, group,
                                    now + kTokenLifetime, now - kClockSkew, now});
  }
  return absl::OkStatus();
}

}  // namespace

std::string UserName(std::string_view prefix, int group_size, int index) {
  return absl::StrCat(AbslView(prefix), "_g", group_size, "_", index);
}

std::string GroupName(std::string_view prefix, int group_size, int index) {
  return absl::StrCat(AbslView(prefix), "_g", group_size, "_", index / group_size);
}

absl::StatusOr<std::vector<User>> PrepareUsers(EventLoop& loop, const Options& options,
                                               int count) {
  std::vector<User> users(static_cast<size_t>(count));
  for (int i = 0; i < count; ++i) {
    users[static_cast<size_t>(i)].name =
        UserName(options.user_prefix, options.group_size, i);
  }
  const absl::Status prepared = options.uacl_data.empty()
                                    ? SignUpAll(loop, options, users)
                                    : SignTokens(options, users);
  if (!prepared.ok()) return prepared;
  return users;
}

}  // namespace chatter::loadgen
