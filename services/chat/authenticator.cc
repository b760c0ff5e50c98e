#include "services/chat/authenticator.h"

#include <grpcpp/client_context.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "chatter/v1/identity.pb.h"
#include "glog/logging.h"
#include "services/base/absl_view.h"
#include "services/base/constant_time.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/protocol.h"

namespace chatter::chat {
namespace {

// The identity service answers within uacl's deadline.
const absl::Duration kVerifyDeadline = kUaclDeadline + absl::Seconds(1);

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

struct VerifyCall {
  grpc::ClientContext context;
  v1::VerifyRequest request;
  v1::VerifyResponse response;
  Authenticator::Done done;
  std::string request_id;
};

}  // namespace

Authenticator::Authenticator(Secrets secrets,
                             std::shared_ptr<grpc::Channel> identity_channel,
                             UserDirectory& users, RefusalMetrics& metrics)
    : secrets_(std::move(secrets)),
      identity_(v1::IdentityService::NewStub(identity_channel)),
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
  auto owned = std::make_unique<VerifyCall>();
  owned->request.set_authorization(std::string(authorization));
  owned->context.set_deadline(absl::ToChronoTime(absl::Now() + kVerifyDeadline));
  owned->done = std::move(done);
  owned->request_id = std::string(RequestScope::current());
  VerifyCall* const call = owned.release();
  identity_->async()->Verify(
      &call->context, &call->request, &call->response,
      [this, call](const grpc::Status& status) {
        const std::unique_ptr<VerifyCall> finished(call);
        switch (status.error_code()) {
          case grpc::StatusCode::OK:
            users_.Ensure({std::move(*finished->response.mutable_username()),
                           std::move(*finished->response.mutable_user_group())},
                          std::move(finished->done));
            return;
          case grpc::StatusCode::UNAUTHENTICATED:
            finished->done(Unauthenticated(kNotAuthorised));
            return;
          case grpc::StatusCode::RESOURCE_EXHAUSTED:
            finished->done(FromGrpc(status));
            return;
          default: {
            const RequestScope scope(finished->request_id);
            LOG_EVERY_N(WARNING, 100) << "cannot verify tokens (" << google::COUNTER
                                      << " times so far): " << status.error_message();
            finished->done(
                absl::UnavailableError("Tokens cannot be checked now; try again soon"));
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
