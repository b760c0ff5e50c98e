// chatd: messages, presence and ws tokens. Put together from the chat service, a storage
// and the two adapters, which run in this process unless their targets say otherwise.
#include <grpc/grpc.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "glog/logging.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"
#include "services/chat/chat_server.h"
#include "services/identity/identity_service.h"
#include "services/notification/notification_service.h"
#include "storage/open.h"

namespace chatter::chat {
namespace {

std::vector<Setting> Table() {
  using Kind = Setting::Kind;
  Setting verification{"VERIFICATION_URL", Kind::kText, "",
                       "uacl's authorize endpoint, unless IDENTITY_TARGET is given"};
  Setting messages_limit{"MESSAGES_LIMIT", Kind::kInteger, "1000",
                         "messages in one answer of the history, at most and by default"};
  messages_limit.min = 1;
  messages_limit.max = 10'000;
  Setting notify_policy{
      "NOTIFY_POLICY", Kind::kChoice, "always",
      "notify for every message, or only when the recipient is offline"};
  notify_policy.choices = {"always", "offline"};
  return {
      {"CHAT_LISTEN", Kind::kText, "127.0.0.1:50051",
       "gRPC addresses, comma-separated: loopback host:port, or unix:<path>"},
      {"DATABASE_URL", Kind::kSecret, "sqlite:chatter.db",
       "sqlite:<path>, or postgres://user:password@host/database"},
      verification,
      {"NOTIFICATION_URL", Kind::kText, "", "notif's endpoint; none: no notifications"},
      {"NOTIFICATION_AUTH", Kind::kSecret, "",
       "the secret for notif, and of uacl for POST /user"},
      {"EMOTIVES_URL", Kind::kText, "", "base of the links in notifications"},
      {"SERVICE_AUTH", Kind::kSecret, "",
       "the secret of internal services that act for a user"},
      messages_limit,
      notify_policy,
      {"IDENTITY_TARGET", Kind::kText, "",
       "an identityd that runs elsewhere: host:port or unix:<path>"},
      {"NOTIFICATION_TARGET", Kind::kText, "",
       "a notificationd that runs elsewhere: host:port or unix:<path>"},
  };
}

// The adapters that live in this process, on a server that only this process reaches.
class InProcessAdapters {
 public:
  explicit InProcessAdapters(const Settings& settings) {
    grpc::ServerBuilder builder;
    if (!settings.IsGiven("IDENTITY_TARGET")) {
      identity_ = std::make_unique<identity::IdentityServiceImpl>(
          settings.Text("VERIFICATION_URL"), Clock::Real());
      builder.RegisterService(identity_.get());
    }
    if (!settings.IsGiven("NOTIFICATION_TARGET") &&
        settings.IsGiven("NOTIFICATION_URL")) {
      notification_ = std::make_unique<notification::NotificationServiceImpl>(
          notification::NotifTarget{settings.Text("NOTIFICATION_URL"),
                                    settings.Text("NOTIFICATION_AUTH"),
                                    settings.Text("EMOTIVES_URL")});
      builder.RegisterService(notification_.get());
    }
    server_ = builder.BuildAndStart();
    identity_channel_ = ChannelTo(settings.Text("IDENTITY_TARGET"), identity_ != nullptr);
    notification_channel_ =
        ChannelTo(settings.Text("NOTIFICATION_TARGET"), notification_ != nullptr);
  }

  ~InProcessAdapters() {
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
  }

  std::shared_ptr<grpc::Channel> identity_channel() const { return identity_channel_; }
  // Null when there is nobody to notify.
  std::shared_ptr<grpc::Channel> notification_channel() const {
    return notification_channel_;
  }

 private:
  std::shared_ptr<grpc::Channel> ChannelTo(const std::string& target, bool in_process) {
    if (in_process) return server_->InProcessChannel({});
    if (target.empty()) return nullptr;
    return grpc::CreateChannel(target, grpc::InsecureChannelCredentials());
  }

  std::unique_ptr<identity::IdentityServiceImpl> identity_;
  std::unique_ptr<notification::NotificationServiceImpl> notification_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> identity_channel_;
  std::shared_ptr<grpc::Channel> notification_channel_;
};

int Fail(const std::string& why) {
  Announce("chatd: " + why);
  return 1;
}

int Main(int argc, char** argv) {
  StopSignal stop;
  const Settings settings = ParseSettingsOrExit(
      "chatd", "the chat service: messages, presence and ws tokens over gRPC", Table(),
      argc, argv);
  InitProcess(argv[0]);
  // For good: gRPC's shutdown would wait up to 10 s for a thread that has finished what a
  // full socket had not taken.
  grpc_init();
  if (!settings.IsGiven("VERIFICATION_URL") && !settings.IsGiven("IDENTITY_TARGET")) {
    Fail("VERIFICATION_URL is not set: uacl's authorize endpoint");
    return 2;
  }

  absl::StatusOr<std::unique_ptr<storage::Storage>> storage =
      storage::Open(settings.Text("DATABASE_URL"));
  if (!storage.ok()) {
    return Fail("DATABASE_URL: " + std::string(storage.status().message()));
  }
  const InProcessAdapters adapters(settings);
  ChatServerOptions options;
  options.listen = settings.List("CHAT_LISTEN");
  options.secrets = {settings.Text("SERVICE_AUTH"), settings.Text("NOTIFICATION_AUTH")};
  options.identity = adapters.identity_channel();
  options.notification = adapters.notification_channel();
  options.notify_policy = settings.Text("NOTIFY_POLICY") == "offline"
                              ? NotifyPolicy::kOffline
                              : NotifyPolicy::kAlways;
  options.messages_limit = static_cast<int>(settings.Integer("MESSAGES_LIMIT"));
  absl::StatusOr<std::unique_ptr<ChatServer>> server =
      ChatServer::Start(*std::move(storage), options);
  if (!server.ok()) return Fail(std::string(server.status().message()));
  for (const std::string& address : (*server)->addresses()) {
    Announce("listening on " + address);
  }
  stop.Wait();
  (*server)->Stop();
  LOG(INFO) << "stopped";
  return 0;
}

}  // namespace
}  // namespace chatter::chat

int main(int argc, char** argv) { return chatter::chat::Main(argc, argv); }
