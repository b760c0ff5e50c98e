#include "services/identity/remote_provider.h"

#include <grpcpp/client_context.h>

#include <string>
#include <utility>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "chatter/v1/identity.grpc.pb.h"
#include "services/base/grpc_status.h"
#include "services/base/protocol.h"

namespace chatter::identity {
namespace {

// The service answers within uacl's deadline.
const absl::Duration kDeadline = kUaclDeadline + absl::Seconds(1);

struct Call {
  grpc::ClientContext context;
  v1::VerifyRequest request;
  v1::VerifyResponse response;
  IdentityProvider::Done done;
};

class RemoteProvider : public IdentityProvider {
 public:
  explicit RemoteProvider(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::IdentityService::NewStub(channel)) {}

  void Verify(const std::string& authorization, Done done) override {
    auto owned = std::make_unique<Call>();
    owned->request.set_authorization(authorization);
    owned->context.set_deadline(absl::ToChronoTime(absl::Now() + kDeadline));
    owned->done = std::move(done);
    Call* const call = owned.release();
    stub_->async()->Verify(
        &call->context, &call->request, &call->response,
        [call](const grpc::Status& status) {
          const std::unique_ptr<Call> finished(call);
          if (!status.ok()) return finished->done(FromGrpc(status));
          v1::VerifyResponse& response = finished->response;
          finished->done(Identity{std::move(*response.mutable_username()),
                                  std::move(*response.mutable_name()),
                                  std::move(*response.mutable_user_group())});
        });
  }

 private:
  const std::unique_ptr<v1::IdentityService::Stub> stub_;
};

}  // namespace

std::unique_ptr<IdentityProvider> MakeRemoteProvider(
    const std::shared_ptr<grpc::Channel>& channel) {
  return std::make_unique<RemoteProvider>(channel);
}

}  // namespace chatter::identity
