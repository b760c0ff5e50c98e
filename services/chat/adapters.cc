#include "services/chat/adapters.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <chrono>

#include "services/chat/remote_notifier.h"
#include "services/notification/http_notifier.h"

namespace chatter::chat {
namespace {

std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target) {
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
}

}  // namespace

Adapters::Adapters(const Settings& settings, ChatMetrics& metrics) {
  if (settings.IsGiven("IDENTITY_TARGET")) {
    identity_channel_ = ChannelTo(settings.Text("IDENTITY_TARGET"));
  } else {
    identity_ = std::make_unique<identity::IdentityServiceImpl>(
        settings.Text("VERIFICATION_URL"), metrics.identity, Clock::Real());
    grpc::ServerBuilder builder;
    builder.RegisterService(identity_.get());
    server_ = builder.BuildAndStart();
    identity_channel_ = server_->InProcessChannel({});
  }
  if (settings.IsGiven("NOTIFICATION_TARGET")) {
    notifier_ = MakeRemoteNotifier(ChannelTo(settings.Text("NOTIFICATION_TARGET")));
  } else if (settings.IsGiven("NOTIFICATION_URL")) {
    // Without gRPC in between, which costs as much CPU as the HTTP call.
    notifier_ = notification::MakeHttpNotifier(
        {settings.Text("NOTIFICATION_URL"), settings.Text("NOTIFICATION_AUTH"),
         settings.Text("EMOTIVES_URL")},
        metrics.notif);
  }
}

Adapters::~Adapters() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

}  // namespace chatter::chat
