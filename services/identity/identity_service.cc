#include "services/identity/identity_service.h"

#include "services/base/grpc_status.h"

namespace chatter::identity {

grpc::ServerUnaryReactor* IdentityServiceImpl::Verify(
    grpc::CallbackServerContext* context, const v1::VerifyRequest* request,
    v1::VerifyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  provider_.Verify(request->authorization(),
                   [reactor, response](const absl::StatusOr<Identity>& identity) {
                     if (identity.ok()) {
                       response->set_username(identity->username);
                       response->set_name(identity->name);
                       response->set_user_group(identity->user_group);
                     }
                     reactor->Finish(ToGrpc(identity.status()));
                   });
  return reactor;
}

}  // namespace chatter::identity
