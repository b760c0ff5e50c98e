// edged: HTTP and WebSockets for clients, gRPC towards the chat service.
#include <grpc/grpc.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/edge_check.h"
#include "edge/edge_server.h"
#include "edge/edge_settings.h"
#include "glog/logging.h"
#include "services/base/admin_server.h"
#include "services/base/error_mail.h"
#include "services/base/lifecycle.h"
#include "services/base/log.h"
#include "services/base/settings.h"
#include "services/base/tls.h"

namespace chatter::edge {
namespace {

// A setting is wrong: it makes no sense to start again with it.
constexpr int kWrongSetting = 2;

int Fail(const absl::Status& why, int exit_code = 1) {
  Announce(absl::StrCat("edged: ", why.message()));
  return exit_code;
}

int Main(int argc, char** argv) {
  StopSignal stop;
  const Settings settings = ParseSettingsOrExit(
      "edged", "the edge: HTTP and WebSockets for clients of the chat service",
      Join({EdgeSettings(), LogSettings(), EmailSettings()}), argc, argv);
  InitProcess(argv[0]);
  StartLogging("edged", settings);
  // For good: gRPC's shutdown would wait up to 10 s for a thread that has finished what a
  // full socket had not taken.
  grpc_init();
  const absl::StatusOr<std::unique_ptr<ErrorMail>> error_mail =
      StartErrorMail("edged", settings);
  if (!error_mail.ok()) return Fail(error_mail.status(), kWrongSetting);
  if (settings.check_only()) return CheckEdge(settings);
  absl::StatusOr<EdgeOptions> options = ReadEdgeOptions(settings);
  if (!options.ok()) return Fail(options.status(), kWrongSetting);
  const absl::StatusOr<std::unique_ptr<AdminServer>> admin =
      AdminServer::Start(settings.Text("ADMIN_LISTEN"));
  if (!admin.ok()) return Fail(admin.status());
  if (!(*admin)->address().empty()) Announce("admin on " + (*admin)->address());
  const bool tls = options->tls.given();
  absl::StatusOr<std::unique_ptr<EdgeServer>> server =
      EdgeServer::Start(*std::move(options));
  if (!server.ok()) return Fail(server.status());
  Announce(absl::StrCat("listening on ", tls ? "https" : "http", "://",
                        settings.Text("HOST"), ":", (*server)->port()));
  const EdgeServer& edge = **server;
  (*admin)->SetMetrics(&edge);
  (*admin)->SetReadiness([&edge] { return edge.WhyNotReady(); });
  stop.Wait([&] {
    if (tls) LogReload((*server)->ReloadCertificate());
  });
  (*admin)->SetReadiness([] { return "draining"; });
  (*server)->Stop();
  (*admin)->SetMetrics(nullptr);
  LOG(INFO) << "stopped";
  return 0;
}

}  // namespace
}  // namespace chatter::edge

int main(int argc, char** argv) { return chatter::edge::Main(argc, argv); }
