// The notification adapter as a process of its own, for NOTIFICATION_TARGET of chatd.
#include <grpcpp/server_builder.h>

#include <string>
#include <vector>

#include "services/base/check_report.h"
#include "services/base/grpc_server.h"
#include "services/base/lifecycle.h"
#include "services/base/log.h"
#include "services/base/settings.h"
#include "services/notification/http_notifier.h"
#include "services/notification/notif_check.h"
#include "services/notification/notification_service.h"

int main(int argc, char** argv) {
  using chatter::Setting;
  chatter::StopSignal stop;
  const std::vector<Setting> table = {
      {"NOTIFICATION_LISTEN", Setting::Kind::kText, "127.0.0.1:50053",
       "gRPC addresses, comma-separated: loopback host:port, or unix:<path>"},
      {"NOTIFICATION_URL", Setting::Kind::kText, "", "notif's endpoint",
       /*required=*/true},
      {"NOTIFICATION_AUTH", Setting::Kind::kSecret, "", "the secret for notif"},
      {"EMOTIVES_URL", Setting::Kind::kText, "", "base of the links in notifications"},
  };
  const chatter::Settings settings = chatter::ParseSettingsOrExit(
      "notificationd", "tells users about messages, by way of notif",
      chatter::Join({table, chatter::LogSettings()}), argc, argv);
  chatter::InitProcess(argv[0]);
  chatter::StartLogging("notificationd", settings);
  if (settings.check_only()) {
    chatter::CheckReport report;
    report.Add("NOTIFICATION_URL",
               chatter::notification::CheckNotif(settings.Text("NOTIFICATION_URL"),
                                                 settings.Text("NOTIFICATION_AUTH")));
    return report.exit_code();
  }

  chatter::CallMetrics metrics;
  const auto notifier = chatter::notification::MakeHttpNotifier(
      {settings.Text("NOTIFICATION_URL"), settings.Text("NOTIFICATION_AUTH"),
       settings.Text("EMOTIVES_URL")},
      metrics);
  chatter::notification::NotificationServiceImpl service(*notifier);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  auto running = chatter::StartGrpcServer(builder, settings.List("NOTIFICATION_LISTEN"));
  if (!running.ok()) {
    chatter::Announce("notificationd: " + std::string(running.status().message()));
    return 1;
  }
  for (const std::string& address : (*running)->addresses()) {
    chatter::Announce("listening on " + address);
  }
  stop.Wait();
  (*running)->Shutdown(absl::Seconds(8));
  return 0;
}
