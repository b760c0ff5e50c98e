#include "edge/edge_check.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>

#include "edge/edge_settings.h"
#include "edge/link/chat_address.h"
#include "services/base/check_report.h"
#include "services/base/health_client.h"
#include "services/base/tls.h"

namespace chatter::edge {
namespace {

constexpr absl::Duration kHealthPatience = absl::Seconds(5);

std::shared_ptr<grpc::Channel> MakeChannel(const EdgeOptions& options) {
  if (!options.chat_tls.given()) {
    return grpc::CreateChannel(options.chat_target, grpc::InsecureChannelCredentials());
  }
  // Errors have been looked for already.
  const TlsPems pems = ReadTlsPems(options.chat_tls).value_or(TlsPems());
  grpc::ChannelArguments arguments;
  if (!options.chat_tls_name.empty()) {
    arguments.SetSslTargetNameOverride(options.chat_tls_name);
  }
  return grpc::CreateCustomChannel(
      options.chat_target, grpc::SslCredentials({pems.ca, pems.key, pems.certificate}),
      arguments);
}

absl::StatusOr<std::string> CheckChatTarget(const EdgeOptions& options) {
  absl::Status status = ParseChatAddress(options.chat_target, options.chat_tls).status();
  if (status.ok()) status = AskHealth(MakeChannel(options), kHealthPatience);
  if (!status.ok()) return status;
  return "the chat service answers";
}

}  // namespace

int CheckEdge(const Settings& settings) {
  CheckReport report;
  const absl::StatusOr<EdgeOptions> options = ReadEdgeOptions(settings);
  if (!options.ok()) {
    report.Add("settings", options.status());
    return report.exit_code();
  }
  if (options->tls.given()) report.Add("TLS_CERT", CheckTls(options->tls));
  report.Add("CHAT_TARGET", CheckChatTarget(*options));
  return report.exit_code();
}

}  // namespace chatter::edge
