// Who is calling.
#ifndef CHATTER_SERVICES_CHAT_AUTHENTICATOR_H_
#define CHATTER_SERVICES_CHAT_AUTHENTICATOR_H_

#include <grpcpp/server_context.h>

#include <string>
#include <string_view>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/user_directory.h"
#include "services/identity/identity_provider.h"

namespace chatter::chat {

// The callers that have a secret. An empty one is no secret: nobody has it.
struct Secrets {
  std::string service;       // SERVICE_AUTH: internal services
  std::string notification;  // NOTIFICATION_AUTH: uacl, which creates users
};

// Thread-safe. Secrets are compared in constant time.
class Authenticator {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<UserRef>)>;

  Authenticator(Secrets secrets, identity::IdentityProvider& identity,
                UserDirectory& users, RefusalMetrics& metrics);

  // The user that makes the call (`authorization: Bearer <jwt>`), or for whom an internal
  // service makes it (`authorization: <SERVICE_AUTH>`, `x-chatter-user: <name>`).
  // `done` runs on any thread, maybe before this returns: kUnauthenticated,
  // kUnavailable, kResourceExhausted. The context is not looked at later.
  void Authenticate(const grpc::ServerContextBase& context, Done done);

  // kPermissionDenied unless the caller shows one of the secrets.
  absl::Status CheckMayCreateUsers(const grpc::ServerContextBase& context) const;

 private:
  // Counts as a refusal.
  absl::Status Unauthenticated(std::string_view why) const;

  const Secrets secrets_;
  identity::IdentityProvider& identity_;
  UserDirectory& users_;
  RefusalMetrics& metrics_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_AUTHENTICATOR_H_
