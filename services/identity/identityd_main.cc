// The identity adapter as a process of its own, for IDENTITY_TARGET of chatd.
#include <grpcpp/server_builder.h>

#include <string>
#include <vector>

#include "glog/logging.h"
#include "services/base/check_report.h"
#include "services/base/clock.h"
#include "services/base/grpc_server.h"
#include "services/base/lifecycle.h"
#include "services/base/log.h"
#include "services/base/settings.h"
#include "services/identity/identity_provider.h"
#include "services/identity/identity_service.h"
#include "services/identity/uacl_check.h"

int main(int argc, char** argv) {
  using chatter::Setting;
  chatter::StopSignal stop;
  const std::vector<Setting> table = {
      {"IDENTITY_LISTEN", Setting::Kind::kText, "127.0.0.1:50052",
       "gRPC addresses, comma-separated: loopback host:port, or unix:<path>"},
      {"VERIFICATION_URL", Setting::Kind::kText, "", "uacl's authorize endpoint",
       /*required=*/true},
  };
  const chatter::Settings settings = chatter::ParseSettingsOrExit(
      "identityd", "tells who a bearer token belongs to, by asking uacl",
      chatter::Join({table, chatter::LogSettings()}), argc, argv);
  chatter::InitProcess(argv[0]);
  chatter::StartLogging("identityd", settings);
  if (settings.check_only()) {
    chatter::CheckReport report;
    report.Add("VERIFICATION_URL",
               chatter::identity::CheckUacl(settings.Text("VERIFICATION_URL")));
    return report.exit_code();
  }

  chatter::identity::IdentityMetrics metrics;
  const chatter::Clock& clock = chatter::Clock::Real();
  const auto provider = chatter::identity::MakeCachingProvider(
      chatter::identity::MakeUaclProvider(settings.Text("VERIFICATION_URL"), metrics,
                                          clock),
      metrics, clock);
  chatter::identity::IdentityServiceImpl service(*provider);
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  auto running = chatter::StartGrpcServer(builder, settings.List("IDENTITY_LISTEN"));
  if (!running.ok()) {
    chatter::Announce("identityd: " + std::string(running.status().message()));
    return 1;
  }
  for (const std::string& address : (*running)->addresses()) {
    chatter::Announce("listening on " + address);
  }
  stop.Wait();
  (*running)->Shutdown(absl::Seconds(5));
  return 0;
}
