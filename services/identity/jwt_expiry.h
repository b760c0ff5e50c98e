#ifndef CHATTER_SERVICES_IDENTITY_JWT_EXPIRY_H_
#define CHATTER_SERVICES_IDENTITY_JWT_EXPIRY_H_

#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace chatter::identity {

// The `exp` (RFC 7519 section 4.1.4) in the JWT of a `Bearer <jwt>` header. The signature
// is not looked at: uacl has done that. nullopt when there is none to read.
std::optional<absl::Time> JwtExpiry(std::string_view authorization);

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_JWT_EXPIRY_H_
