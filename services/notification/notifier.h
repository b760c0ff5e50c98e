// The seam between the outbox and notif.
#ifndef CHATTER_SERVICES_NOTIFICATION_NOTIFIER_H_
#define CHATTER_SERVICES_NOTIFICATION_NOTIFIER_H_

#include <functional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "services/base/protocol.h"

namespace chatter::notification {

// Tells `recipient` about a message. Usernames. Valid during the call that takes it.
struct Notice {
  absl::string_view recipient;
  absl::string_view sender;
  absl::string_view text;
  absl::Time created;
};

// The longest that a call takes: notif's deadline, and a way over gRPC.
inline const absl::Duration kNotifyDeadline = kNotifDeadline + absl::Seconds(1);

// Thread-safe.
class Notifier {
 public:
  using Done = std::function<void(const absl::Status&)>;

  virtual ~Notifier() = default;

  // `done` runs once, on any thread, maybe before this returns; it must not block. OK:
  // notif has taken it. kInvalidArgument: notif refuses it for good. All else is worth
  // trying again.
  virtual void Notify(const Notice& notice, Done done) = 0;
};

}  // namespace chatter::notification

#endif  // CHATTER_SERVICES_NOTIFICATION_NOTIFIER_H_
