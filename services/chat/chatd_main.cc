// chatd: messages, presence and ws tokens. Put together from the chat service, a storage
// and the two adapters, which run in this process unless their targets say otherwise.
#include <grpc/grpc.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "glog/logging.h"
#include "services/base/admin_server.h"
#include "services/base/error_mail.h"
#include "services/base/lifecycle.h"
#include "services/base/log.h"
#include "services/base/settings.h"
#include "services/base/tls.h"
#include "services/chat/adapters.h"
#include "services/chat/chat_check.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/chat_server.h"
#include "services/chat/chat_settings.h"
#include "storage/open.h"

namespace chatter::chat {
namespace {

// A setting is wrong: it makes no sense to start again with it.
constexpr int kWrongSetting = 2;

int Fail(absl::string_view why, int exit_code = 1) {
  Announce(absl::StrCat("chatd: ", why));
  return exit_code;
}

int Main(int argc, char** argv) {
  StopSignal stop;
  const Settings settings = ParseSettingsOrExit(
      "chatd", "the chat service: messages, presence and ws tokens over gRPC",
      Join({ChatSettings(), LogSettings(), EmailSettings()}), argc, argv);
  InitProcess(argv[0]);
  StartLogging("chatd", settings);
  // For good: gRPC's shutdown would wait up to 10 s for a thread that has finished what a
  // full socket had not taken.
  grpc_init();
  absl::StatusOr<ChatServerOptions> options = ReadChatOptions(settings);
  if (!options.ok()) return Fail(options.status().message(), kWrongSetting);
  const absl::StatusOr<std::unique_ptr<ErrorMail>> error_mail =
      StartErrorMail("chatd", settings);
  if (!error_mail.ok()) return Fail(error_mail.status().message(), kWrongSetting);
  if (settings.check_only()) return CheckChat(settings);
  const absl::StatusOr<std::unique_ptr<AdminServer>> admin =
      AdminServer::Start(settings.Text("ADMIN_LISTEN"));
  if (!admin.ok()) return Fail(admin.status().message());
  if (!(*admin)->address().empty()) Announce("admin on " + (*admin)->address());

  absl::StatusOr<std::unique_ptr<storage::Storage>> storage =
      storage::Open(settings.Text("DATABASE_URL"));
  if (!storage.ok()) {
    return Fail(absl::StrCat("DATABASE_URL: ", storage.status().message()));
  }
  ChatMetrics metrics;
  const Adapters adapters(settings, metrics);
  options->identity = &adapters.identity();
  options->notifier = adapters.notifier();
  absl::StatusOr<std::unique_ptr<ChatServer>> server =
      ChatServer::Start(*std::move(storage), *options, metrics);
  if (!server.ok()) return Fail(server.status().message());
  for (const std::string& address : (*server)->addresses()) {
    Announce("listening on " + address);
  }
  const ChatServer& chat = **server;
  (*admin)->SetMetrics(&chat);
  (*admin)->SetReadiness([&chat] { return chat.WhyNotReady(); });
  stop.Wait([&] {
    if (options->security.tls.given()) LogReload((*server)->ReloadCertificate());
  });
  (*admin)->SetReadiness([] { return "draining"; });
  (*server)->Stop();
  (*admin)->SetMetrics(nullptr);
  LOG(INFO) << "stopped";
  return 0;
}

}  // namespace
}  // namespace chatter::chat

int main(int argc, char** argv) { return chatter::chat::Main(argc, argv); }
