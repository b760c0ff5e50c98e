#include "services/chat/remote_notifier.h"

#include <grpcpp/client_context.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "chatter/v1/notification.grpc.pb.h"
#include "services/base/grpc_status.h"
#include "services/chat/timestamps.h"

namespace chatter::chat {
namespace {

struct Call {
  grpc::ClientContext context;
  v1::NotifyRequest request;
  v1::NotifyResponse response;
};

class RemoteNotifier : public notification::Notifier {
 public:
  explicit RemoteNotifier(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::NotificationService::NewStub(channel)) {}

  void Notify(const notification::Notice& notice, Done done) override {
    auto call = std::make_shared<Call>();
    call->request.set_recipient(std::string(notice.recipient));
    call->request.set_sender(std::string(notice.sender));
    call->request.set_text(std::string(notice.text));
    FillTimestamp(notice.created, *call->request.mutable_created());
    call->context.set_deadline(
        absl::ToChronoTime(absl::Now() + notification::kNotifyDeadline));
    // The arguments are needed until the callback runs, so that it owns them.
    Call* const started = call.get();
    stub_->async()->Notify(&started->context, &started->request, &started->response,
                           [call = std::move(call), done = std::move(done)](
                               const grpc::Status& status) { done(FromGrpc(status)); });
  }

 private:
  const std::unique_ptr<v1::NotificationService::Stub> stub_;
};

}  // namespace

std::unique_ptr<notification::Notifier> MakeRemoteNotifier(
    const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<RemoteNotifier>(channel);
}

}  // namespace chatter::chat
