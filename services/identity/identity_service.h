#ifndef CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_
#define CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_

#include "chatter/v1/identity.grpc.pb.h"
#include "services/identity/identity_provider.h"

namespace chatter::identity {

// gRPC in front of uacl, for those who are not in its process: see identity.proto. Every
// call ends within uacl's deadline, so that the shutdown of its server waits no longer.
class IdentityServiceImpl : public v1::IdentityService::CallbackService {
 public:
  // The provider outlives it.
  explicit IdentityServiceImpl(IdentityProvider& provider) : provider_(provider) {}

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context,
                                   const v1::VerifyRequest* request,
                                   v1::VerifyResponse* response) override;

 private:
  IdentityProvider& provider_;
};

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_
