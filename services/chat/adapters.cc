#include "services/chat/adapters.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <chrono>

namespace chatter::chat {

Adapters::Adapters(const Settings& settings, ChatMetrics& metrics) {
  grpc::ServerBuilder builder;
  if (!settings.IsGiven("IDENTITY_TARGET")) {
    identity_ = std::make_unique<identity::IdentityServiceImpl>(
        settings.Text("VERIFICATION_URL"), metrics.identity, Clock::Real());
    builder.RegisterService(identity_.get());
  }
  if (!settings.IsGiven("NOTIFICATION_TARGET") && settings.IsGiven("NOTIFICATION_URL")) {
    notification_ = std::make_unique<notification::NotificationServiceImpl>(
        notification::NotifTarget{settings.Text("NOTIFICATION_URL"),
                                  settings.Text("NOTIFICATION_AUTH"),
                                  settings.Text("EMOTIVES_URL")},
        metrics.notif);
    builder.RegisterService(notification_.get());
  }
  server_ = builder.BuildAndStart();
  identity_channel_ = ChannelTo(settings.Text("IDENTITY_TARGET"), identity_ != nullptr);
  notification_channel_ =
      ChannelTo(settings.Text("NOTIFICATION_TARGET"), notification_ != nullptr);
}

Adapters::~Adapters() {
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
}

std::shared_ptr<grpc::Channel> Adapters::ChannelTo(const std::string& target,
                                                   bool in_process) {
  if (in_process) return server_->InProcessChannel({});
  if (target.empty()) return nullptr;
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
}

}  // namespace chatter::chat
