#include "services/chat/chat_settings.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/admin_server.h"
#include "services/base/chat_tls_settings.h"
#include "services/base/grpc_server.h"

namespace chatter::chat {
namespace {

absl::Status CheckListen(const ChatServerOptions& options) {
  if (options.listen.empty()) {
    return absl::InvalidArgumentError("CHAT_LISTEN: want host:port or unix:<path>");
  }
  for (const std::string& address : options.listen) {
    const absl::Status status = CheckListenAddress(address, options.security);
    if (!status.ok()) {
      return absl::Status(status.code(), absl::StrCat("CHAT_LISTEN: ", status.message()));
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::vector<Setting> ChatSettings() {
  using Kind = Setting::Kind;
  Setting verification{"VERIFICATION_URL", Kind::kText, "",
                       "uacl's authorize endpoint, unless IDENTITY_TARGET is given"};
  Setting notify_policy{
      "NOTIFY_POLICY", Kind::kChoice, "always",
      "notify for every message, or only when the recipient is offline"};
  notify_policy.choices = {"always", "offline"};
  Setting allow_insecure{"CHAT_ALLOW_INSECURE", Kind::kChoice, "0",
                         "1: without TLS, too, not on loopback addresses only"};
  allow_insecure.choices = {"0", "1"};
  const std::vector<Setting> own = {
      {"CHAT_LISTEN", Kind::kText, "127.0.0.1:50051",
       "gRPC addresses, comma-separated: host:port (loopback, without TLS), unix:<path>"},
      allow_insecure,
      {"DATABASE_URL", Kind::kSecret, "sqlite:chatter.db",
       "sqlite:<path>, or postgres://user:password@host/database"},
      verification,
      {"NOTIFICATION_URL", Kind::kText, "", "notif's endpoint; none: no notifications"},
      {"NOTIFICATION_AUTH", Kind::kSecret, "",
       "the secret for notif, and of uacl for POST /user"},
      {"EMOTIVES_URL", Kind::kText, "", "base of the links in notifications"},
      {"SERVICE_AUTH", Kind::kSecret, "",
       "the secret of internal services that act for a user"},
      IntegerSetting("MESSAGES_LIMIT", "1000",
                     "messages in one answer of the history, at most and by default", 1,
                     10'000),
      IntegerSetting("MESSAGE_RATE", "50",
                     "messages a second for each user, ten seconds' worth of them at "
                     "once; 0: no limit",
                     0, 1'000'000),
      notify_policy,
      {"IDENTITY_TARGET", Kind::kText, "",
       "an identityd that runs elsewhere: host:port or unix:<path>"},
      {"NOTIFICATION_TARGET", Kind::kText, "",
       "a notificationd that runs elsewhere: host:port or unix:<path>"},
      {"ADMIN_LISTEN", Kind::kText, "",
       "<IP address>:<port> of metrics, health and readiness over HTTP; none: off"},
  };
  return Join({own, ChatTlsSettings()});
}

absl::StatusOr<ChatServerOptions> ReadChatOptions(const Settings& settings) {
  if (!settings.IsGiven("VERIFICATION_URL") && !settings.IsGiven("IDENTITY_TARGET")) {
    return absl::InvalidArgumentError(
        "VERIFICATION_URL is not set: uacl's authorize endpoint");
  }
  ChatServerOptions options;
  options.listen = settings.List("CHAT_LISTEN");
  absl::StatusOr<TlsFiles> tls = ReadChatTls(settings);
  if (!tls.ok()) return tls.status();
  options.security = {*std::move(tls), settings.Text("CHAT_ALLOW_INSECURE") == "1"};
  if (absl::Status status = CheckListen(options); !status.ok()) return status;
  if (absl::Status status = AdminServer::CheckListen(settings.Text("ADMIN_LISTEN"));
      !status.ok()) {
    return status;
  }
  options.secrets = {settings.Text("SERVICE_AUTH"), settings.Text("NOTIFICATION_AUTH")};
  options.notify_policy = settings.Text("NOTIFY_POLICY") == "offline"
                              ? NotifyPolicy::kOffline
                              : NotifyPolicy::kAlways;
  options.messages_limit = static_cast<int>(settings.Integer("MESSAGES_LIMIT"));
  options.message_rate = static_cast<int>(settings.Integer("MESSAGE_RATE"));
  return options;
}

}  // namespace chatter::chat
