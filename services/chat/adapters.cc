#include "services/chat/adapters.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <string>

#include "services/base/clock.h"
#include "services/chat/remote_notifier.h"
#include "services/identity/remote_provider.h"
#include "services/notification/http_notifier.h"

namespace chatter::chat {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target) {
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
}

}  // namespace

Adapters::Adapters(const Settings& settings, ChatMetrics& metrics) {
  if (settings.IsGiven("IDENTITY_TARGET")) {
    identity_ = identity::MakeRemoteProvider(ChannelTo(settings.Text("IDENTITY_TARGET")));
  } else {
    identity_ = identity::MakeCachingProvider(
        identity::MakeUaclProvider(settings.Text("VERIFICATION_URL"), metrics.identity,
                                   Clock::Real()),
        metrics.identity, Clock::Real());
  }
  if (settings.IsGiven("NOTIFICATION_TARGET")) {
    notifier_ = MakeRemoteNotifier(ChannelTo(settings.Text("NOTIFICATION_TARGET")));
  } else if (settings.IsGiven("NOTIFICATION_URL")) {
    notifier_ = notification::MakeHttpNotifier(
        {settings.Text("NOTIFICATION_URL"), settings.Text("NOTIFICATION_AUTH"),
         settings.Text("EMOTIVES_URL")},
        metrics.notif);
  }
}

}  // namespace chatter::chat
