#ifndef CHATTER_SERVICES_CHAT_ADAPTERS_H_
#define CHATTER_SERVICES_CHAT_ADAPTERS_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "services/base/settings.h"
#include "services/chat/chat_metrics.h"
#include "services/identity/identity_service.h"
#include "services/notification/notifier.h"

namespace chatter::chat {

// The ways to uacl and notif: adapters that live in this process (uacl's on a server that
// only this process reaches), or elsewhere, where IDENTITY_TARGET and NOTIFICATION_TARGET
// say.
class Adapters {
 public:
  // The metrics outlive it. Adapters that run elsewhere do not count there.
  Adapters(const Settings& settings, ChatMetrics& metrics);
  // The channel and the notifier must be unused by now.
  ~Adapters();

  const std::shared_ptr<grpc::Channel>& identity_channel() const {
    return identity_channel_;
  }
  // Null when there is nobody to notify.
  notification::Notifier* notifier() const { return notifier_.get(); }

 private:
  std::unique_ptr<identity::IdentityServiceImpl> identity_;
  std::unique_ptr<grpc::Server> server_;  // null: identity runs elsewhere
  std::shared_ptr<grpc::Channel> identity_channel_;
  std::unique_ptr<notification::Notifier> notifier_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ADAPTERS_H_
