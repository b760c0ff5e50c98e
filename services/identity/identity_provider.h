// Who an Authorization header belongs to: the seam between those who ask and uacl.
#ifndef CHATTER_SERVICES_IDENTITY_IDENTITY_PROVIDER_H_
#define CHATTER_SERVICES_IDENTITY_IDENTITY_PROVIDER_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/base/clock.h"
#include "services/identity/identity_metrics.h"

namespace chatter::identity {

struct Identity {
  std::string username;
  std::string name;
  std::string user_group;
};

// Thread-safe.
class IdentityProvider {
 public:
  using Done = std::function<void(const absl::StatusOr<Identity>&)>;

  virtual ~IdentityProvider() = default;

  // `done` runs once, on any thread, maybe before this returns. kUnauthenticated: the
  // header is refused. kUnavailable: uacl is away, too slow (2 s) or answers nonsense.
  // kResourceExhausted: too many calls wait.
  virtual void Verify(const std::string& authorization, Done done) = 0;
};

// Asks uacl by HTTP: contract.md, "uacl, as Chatter calls it". Its end answers what is
// under way. The metrics outlive it.
std::unique_ptr<IdentityProvider> MakeUaclProvider(const std::string& verification_url,
                                                   IdentityMetrics& metrics,
                                                   const Clock& clock);

// Remembers positive answers of `next` for at most 60 s and never past the JWT's `exp`,
// up to 10,000 of them, keyed by a hash of the header; equal calls in flight are made
// once. A header whose `exp` cannot be read is not remembered.
std::unique_ptr<IdentityProvider> MakeCachingProvider(
    std::unique_ptr<IdentityProvider> next, IdentityMetrics& metrics, const Clock& clock);

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_IDENTITY_PROVIDER_H_
