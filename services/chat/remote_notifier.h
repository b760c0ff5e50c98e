#ifndef CHATTER_SERVICES_CHAT_REMOTE_NOTIFIER_H_
#define CHATTER_SERVICES_CHAT_REMOTE_NOTIFIER_H_

#include <grpcpp/channel.h>

#include <memory>

#include "services/notification/notifier.h"

namespace chatter::chat {

// Calls a notification service that runs elsewhere. `done` runs on a thread of gRPC's.
std::unique_ptr<notification::Notifier> MakeRemoteNotifier(
    const std::shared_ptr<grpc::Channel>& channel);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_REMOTE_NOTIFIER_H_
