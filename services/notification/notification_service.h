#ifndef CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_
#define CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_

#include "chatter/v1/notification.grpc.pb.h"
#include "services/notification/notifier.h"

namespace chatter::notification {

// gRPC in front of a notifier: see notification.proto. Every call ends when the
// notifier's does, so that the shutdown of its server waits no longer.
class NotificationServiceImpl : public v1::NotificationService::CallbackService {
 public:
  // The notifier outlives it.
  explicit NotificationServiceImpl(Notifier& notifier) : notifier_(notifier) {}

  grpc::ServerUnaryReactor* Notify(grpc::CallbackServerContext* context,
                                   const v1::NotifyRequest* request,
                                   v1::NotifyResponse* response) override;

 private:
  Notifier& notifier_;
};

}  // namespace chatter::notification

#endif  // CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_
