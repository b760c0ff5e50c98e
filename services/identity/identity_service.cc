#include "services/identity/identity_service.h"

#include "services/base/grpc_status.h"

namespace chatter::identity {

IdentityServiceImpl::IdentityServiceImpl(const std::string& verification_url,
                                         IdentityMetrics& metrics, const Clock& clock)
    : http_(MakeHttpClient({})) {
  provider_ = MakeCachingProvider(
      MakeUaclProvider(*http_, verification_url, metrics, clock), metrics, clock);
}

grpc::ServerUnaryReactor* IdentityServiceImpl::Verify(
    grpc::CallbackServerContext* context, const v1::VerifyRequest* request,
    v1::VerifyResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  provider_->Verify(request->authorization(),
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
