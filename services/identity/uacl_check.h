#ifndef CHATTER_SERVICES_IDENTITY_UACL_CHECK_H_
#define CHATTER_SERVICES_IDENTITY_UACL_CHECK_H_

#include <string>

#include "absl/status/statusor.h"

namespace chatter::identity {

// Whether uacl answers at `verification_url` and refuses a token that nobody issued.
// kUnavailable, kFailedPrecondition when it takes that token. Blocks for at most uacl's
// deadline.
absl::StatusOr<std::string> CheckUacl(const std::string& verification_url);

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_UACL_CHECK_H_
