#ifndef CHATTER_SERVICES_CHAT_ADAPTERS_H_
#define CHATTER_SERVICES_CHAT_ADAPTERS_H_

#include <memory>

#include "services/base/settings.h"
#include "services/chat/chat_metrics.h"
#include "services/identity/identity_provider.h"
#include "services/notification/notifier.h"

namespace chatter::chat {

// The ways to uacl and notif: adapters that live in this process, or elsewhere, where
// IDENTITY_TARGET and NOTIFICATION_TARGET say. Without gRPC within the process: it costs
// as much CPU as the HTTP call, and hands each call over between threads four times.
class Adapters {
 public:
  // The metrics outlive it. Adapters that run elsewhere do not count there.
  Adapters(const Settings& settings, ChatMetrics& metrics);

  identity::IdentityProvider& identity() const { return *identity_; }
  // Null when there is nobody to notify.
  notification::Notifier* notifier() const { return notifier_.get(); }

 private:
  std::unique_ptr<identity::IdentityProvider> identity_;
  std::unique_ptr<notification::Notifier> notifier_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ADAPTERS_H_
