#include "services/chat/chat_check.h"

#include <grpcpp/create_channel.h>

#include <string>

#include "services/base/chat_tls_settings.h"
#include "services/base/check_report.h"
#include "services/base/health_client.h"
#include "services/base/tls.h"
#include "services/identity/uacl_check.h"
#include "services/notification/notif_check.h"
#include "storage/open.h"

namespace chatter::chat {
namespace {

constexpr absl::Duration kHealthPatience = absl::Seconds(5);

absl::StatusOr<std::string> CheckAdapter(const std::string& target) {
  const absl::Status health = AskHealth(
      grpc::CreateChannel(target, grpc::InsecureChannelCredentials()), kHealthPatience);
  if (!health.ok()) return health;
  return "the adapter answers";
}

}  // namespace

int CheckChat(const Settings& settings) {
  CheckReport report;
  if (const auto tls = ReadChatTls(settings); tls.ok() && tls->given()) {
    report.Add("CHAT_TLS_CERT", CheckTls(*tls));
  }
  report.Add("DATABASE_URL", storage::Check(settings.Text("DATABASE_URL")));
  if (settings.IsGiven("IDENTITY_TARGET")) {
    report.Add("IDENTITY_TARGET", CheckAdapter(settings.Text("IDENTITY_TARGET")));
  } else {
    report.Add("VERIFICATION_URL",
               identity::CheckUacl(settings.Text("VERIFICATION_URL")));
  }
  if (settings.IsGiven("NOTIFICATION_TARGET")) {
    report.Add("NOTIFICATION_TARGET", CheckAdapter(settings.Text("NOTIFICATION_TARGET")));
  } else if (settings.IsGiven("NOTIFICATION_URL")) {
    report.Add("NOTIFICATION_URL",
               notification::CheckNotif(settings.Text("NOTIFICATION_URL"),
                                        settings.Text("NOTIFICATION_AUTH")));
  } else {
    report.Add("NOTIFICATION_URL", "not set: no notifications");
  }
  return report.exit_code();
}

}  // namespace chatter::chat
