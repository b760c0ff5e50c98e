#include "services/identity/uacl_check.h"

#include <future>
#include <memory>

#include "services/identity/identity_provider.h"

namespace chatter::identity {

absl::StatusOr<std::string> CheckUacl(const std::string& verification_url) {
  IdentityMetrics metrics;
  const std::unique_ptr<IdentityProvider> uacl =
      MakeUaclProvider(verification_url, metrics, Clock::Real());
  std::promise<absl::Status> answer;
  uacl->Verify("Bearer check", [&](const absl::StatusOr<Identity>& identity) {
    answer.set_value(identity.status());
  });
  const absl::Status status = answer.get_future().get();
  if (absl::IsUnauthenticated(status)) return "uacl answers, and refuses a wrong token";
  if (!status.ok()) return status;
  return absl::FailedPreconditionError("uacl takes a token that nobody issued");
}

}  // namespace chatter::identity
