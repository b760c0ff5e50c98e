#ifndef CHATTER_SERVICES_NOTIFICATION_HTTP_NOTIFIER_H_
#define CHATTER_SERVICES_NOTIFICATION_HTTP_NOTIFIER_H_

#include <memory>
#include <string>

#include "services/base/metrics.h"
#include "services/notification/notifier.h"

namespace chatter::notification {

struct NotifTarget {
  std::string url;            // NOTIFICATION_URL
  std::string authorization;  // NOTIFICATION_AUTH
  std::string emotives_url;   // EMOTIVES_URL: the base of the links, with its last slash
};

// The JSON body that notif takes: contract.md, "notif, as Chatter calls it".
std::string NotificationBody(const Notice& notice, const std::string& emotives_url);

// Calls notif by HTTP. kUnavailable: notif is away, slower than 5 s, or answers what says
// nothing about the notification; kResourceExhausted: too many calls wait. `done` runs on
// a thread of its own, or before Notify returns. The metrics outlive it.
std::unique_ptr<Notifier> MakeHttpNotifier(NotifTarget target, CallMetrics& metrics);

}  // namespace chatter::notification

#endif  // CHATTER_SERVICES_NOTIFICATION_HTTP_NOTIFIER_H_
