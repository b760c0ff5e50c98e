#ifndef CHATTER_SERVICES_NOTIFICATION_NOTIF_CHECK_H_
#define CHATTER_SERVICES_NOTIFICATION_NOTIF_CHECK_H_

#include <string>

#include "absl/status/statusor.h"

namespace chatter::notification {

// Whether notif answers at `url`, and takes our secret, in as far as a call with an empty
// body shows that: it is no notification, so nobody is told anything. kUnavailable,
// kNotFound, kPermissionDenied. Blocks for at most notif's deadline.
absl::StatusOr<std::string> CheckNotif(const std::string& url,
                                       const std::string& authorization);

}  // namespace chatter::notification

#endif  // CHATTER_SERVICES_NOTIFICATION_NOTIF_CHECK_H_
