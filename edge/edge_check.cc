#include "edge/edge_check.h"

#include <grpcpp/create_channel.h>

#include <string>

#include "edge/edge_settings.h"
#include "edge/link/chat_address.h"
#include "services/base/check_report.h"
#include "services/base/health_client.h"
#include "services/base/tls.h"

namespace chatter::edge {
namespace {

constexpr absl::Duration kHealthPatience = absl::Seconds(5);

absl::StatusOr<std::string> CheckChatTarget(const std::string& target) {
  absl::Status status = ParseChatAddress(target).status();
  if (status.ok()) {
    status = AskHealth(grpc::CreateChannel(target, grpc::InsecureChannelCredentials()),
                       kHealthPatience);
  }
  if (!status.ok()) return status;
  return "the chat service answers";
}

absl::StatusOr<std::string> CheckCertificate(const TlsFiles& files) {
  const absl::Status read = ReadTlsPems(files).status();
  if (!read.ok()) return read;
  return "the certificate and its key can be used";
}

}  // namespace

int CheckEdge(const Settings& settings) {
  CheckReport report;
  const absl::StatusOr<EdgeOptions> options = ReadEdgeOptions(settings);
  if (!options.ok()) {
    report.Add("settings", options.status());
    return report.exit_code();
  }
  if (options->tls.given()) report.Add("TLS_CERT", CheckCertificate(options->tls));
  report.Add("CHAT_TARGET", CheckChatTarget(options->chat_target));
  return report.exit_code();
}

}  // namespace chatter::edge
