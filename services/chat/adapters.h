#ifndef CHATTER_SERVICES_CHAT_ADAPTERS_H_
#define CHATTER_SERVICES_CHAT_ADAPTERS_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <memory>
#include <string>

#include "services/base/settings.h"
#include "services/chat/chat_metrics.h"
#include "services/identity/identity_service.h"
#include "services/notification/notification_service.h"

namespace chatter::chat {

// The ways to uacl and notif: adapters that live in this process, on a server that only
// this process reaches, or elsewhere, where IDENTITY_TARGET and NOTIFICATION_TARGET say.
class Adapters {
 public:
  // The metrics outlive it. Adapters that run elsewhere do not count there.
  Adapters(const Settings& settings, ChatMetrics& metrics);
  // The channels must be unused by now.
  ~Adapters();

  const std::shared_ptr<grpc::Channel>& identity_channel() const {
    return identity_channel_;
  }
  // Null when there is nobody to notify.
  const std::shared_ptr<grpc::Channel>& notification_channel() const {
    return notification_channel_;
  }

 private:
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target, bool in_process);

  std::unique_ptr<identity::IdentityServiceImpl> identity_;
  std::unique_ptr<notification::NotificationServiceImpl> notification_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> identity_channel_;
  std::shared_ptr<grpc::Channel> notification_channel_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ADAPTERS_H_
