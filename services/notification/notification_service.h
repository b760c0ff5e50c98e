#ifndef CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_
#define CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_

#include <memory>
#include <string>

#include "chatter/v1/notification.grpc.pb.h"
#include "services/base/http_client.h"
#include "services/base/metrics.h"

namespace chatter::notification {

struct NotifTarget {
  std::string url;            // NOTIFICATION_URL
  std::string authorization;  // NOTIFICATION_AUTH
  std::string emotives_url;   // EMOTIVES_URL: the base of the links, with its last slash
};

// The JSON body that notif takes: contract.md, "notif, as Chatter calls it".
std::string NotificationBody(const v1::NotifyRequest& request,
                             const std::string& emotives_url);

// gRPC in front of notif: see notification.proto. Every call ends within notif's
// deadline, so that the shutdown of its server waits no longer.
class NotificationServiceImpl : public v1::NotificationService::CallbackService {
 public:
  // The metrics outlive it.
  NotificationServiceImpl(NotifTarget target, CallMetrics& metrics);

  grpc::ServerUnaryReactor* Notify(grpc::CallbackServerContext* context,
                                   const v1::NotifyRequest* request,
                                   v1::NotifyResponse* response) override;

 private:
  void Count(const absl::Status& status, absl::Duration took);

  const NotifTarget target_;
  CallMetrics& metrics_;
  const std::unique_ptr<HttpClient> http_;
};

}  // namespace chatter::notification

#endif  // CHATTER_SERVICES_NOTIFICATION_NOTIFICATION_SERVICE_H_
