#ifndef CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_
#define CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_

#include <memory>
#include <string>

#include "chatter/v1/identity.grpc.pb.h"
#include "services/base/clock.h"
#include "services/base/http_client.h"
#include "services/identity/identity_provider.h"

namespace chatter::identity {

// gRPC in front of uacl: see identity.proto. Every call ends within uacl's deadline, so
// that the shutdown of its server waits no longer.
class IdentityServiceImpl : public v1::IdentityService::CallbackService {
 public:
  // The metrics outlive it.
  IdentityServiceImpl(const std::string& verification_url, IdentityMetrics& metrics,
                      const Clock& clock);

  grpc::ServerUnaryReactor* Verify(grpc::CallbackServerContext* context,
                                   const v1::VerifyRequest* request,
                                   v1::VerifyResponse* response) override;

 private:
  std::unique_ptr<IdentityProvider> provider_;
  const std::unique_ptr<HttpClient> http_;  // last: its end calls the provider back
};

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_IDENTITY_SERVICE_H_
