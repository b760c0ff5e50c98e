#include "services/chat/authenticator.h"

#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "glog/logging.h"
#include "services/base/absl_view.h"
#include "services/base/constant_time.h"
#include "services/base/log.h"

namespace chatter::chat {
namespace {

std::string_view Metadata(const grpc::ServerContextBase& context, const char* key) {
  const auto it = context.client_metadata().find(key);
  if (it == context.client_metadata().end()) return {};
  return {it->second.data(), it->second.size()};
}

bool Matches(std::string_view given, const std::string& secret) {
  return !secret.empty() && ConstantTimeEquals(given, secret);
}

constexpr char kNotAuthorised[] = "Not authorised";
constexpr char kUnauthenticated[] = "unauthenticated";  // the reason in metrics

// A caller whose token is being verified.
struct Waiting {
  Authenticator::Done done;
  std::string request_id;
};

}  // namespace

Authenticator::Authenticator(Secrets secrets, identity::IdentityProvider& identity,
                             UserDirectory& users, RefusalMetrics& metrics)
    : secrets_(std::move(secrets)),
      identity_(identity),
      users_(users),
      metrics_(metrics) {}

absl::Status Authenticator::Unauthenticated(std::string_view why) const {
  metrics_.Add(kUnauthenticated);
  return absl::UnauthenticatedError(AbslView(why));
}

void Authenticator::Authenticate(const grpc::ServerContextBase& context, Done done) {
  const std::string_view authorization = Metadata(context, "authorization");
  if (Matches(authorization, secrets_.service)) {
    const std::string_view name = Metadata(context, "x-chatter-user");
    if (name.empty()) {
      done(Unauthenticated(
          "An internal service names the user that it acts for in x-chatter-user"));
      return;
    }
    users_.Find(std::string(name),
                [this, done = std::move(done)](absl::StatusOr<UserRef> user) mutable {
                  if (absl::IsNotFound(user.status())) {
                    done(Unauthenticated("x-chatter-user is no user"));
                  } else {
                    done(std::move(user));
                  }
                });
    return;
  }
  if (!absl::StartsWith(AbslView(authorization), "Bearer ")) {
    done(Unauthenticated(kNotAuthorised));
    return;
  }
  const auto waiting = std::make_shared<Waiting>(
      Waiting{std::move(done), std::string(RequestScope::current())});
  identity_.Verify(std::string(authorization),
                   [this, waiting](const absl::StatusOr<identity::Identity>& identity) {
                     switch (identity.status().code()) {
                       case absl::StatusCode::kOk:
                         users_.Ensure({identity->username, identity->user_group},
                                       std::move(waiting->done));
                         return;
                       case absl::StatusCode::kUnauthenticated:
                         waiting->done(Unauthenticated(kNotAuthorised));
                         return;
                       case absl::StatusCode::kResourceExhausted:
                         waiting->done(identity.status());
                         return;
                       default: {
                         const RequestScope scope(waiting->request_id);
                         LOG_EVERY_N(WARNING, 100)
                             << "cannot verify tokens (" << google::COUNTER
                             << " times so far): " << identity.status().message();
                         waiting->done(absl::UnavailableError(
                             "Tokens cannot be checked now; try again soon"));
                       }
                     }
                   });
}

absl::Status Authenticator::CheckMayCreateUsers(
    const grpc::ServerContextBase& context) const {
  const std::string_view authorization = Metadata(context, "authorization");
  if (Matches(authorization, secrets_.notification) ||
      Matches(authorization, secrets_.service)) {
    return absl::OkStatus();
  }
  metrics_.Add(kUnauthenticated);
  return absl::PermissionDeniedError(kNotAuthorised);
}

}  // namespace chatter::chat
