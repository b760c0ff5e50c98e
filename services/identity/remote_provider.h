// An identity adapter that runs elsewhere.
#ifndef CHATTER_SERVICES_IDENTITY_REMOTE_PROVIDER_H_
#define CHATTER_SERVICES_IDENTITY_REMOTE_PROVIDER_H_

#include <grpcpp/channel.h>

#include <memory>

#include "services/identity/identity_provider.h"

namespace chatter::identity {

// Calls the IdentityService at the other end. `done` runs on a thread of gRPC's; calls
// that are under way at the end of the provider go on. Any other error than those of an
// IdentityProvider means that the adapter is away.
std::unique_ptr<IdentityProvider> MakeRemoteProvider(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_REMOTE_PROVIDER_H_
