#include "services/notification/notification_service.h"

#include "absl/time/time.h"
#include "services/base/grpc_status.h"

namespace chatter::notification {

grpc::ServerUnaryReactor* NotificationServiceImpl::Notify(
    grpc::CallbackServerContext* context, const v1::NotifyRequest* request,
    v1::NotifyResponse* /*response*/) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const absl::Time created = absl::FromUnixSeconds(request->created().seconds()) +
                             absl::Nanoseconds(request->created().nanos());
  notifier_.Notify(
      {request->recipient(), request->sender(), request->text(), created},
      [reactor](const absl::Status& status) { reactor->Finish(ToGrpc(status)); });
  return reactor;
}

}  // namespace chatter::notification
