// edged: HTTP and WebSockets for clients, gRPC towards the chat service.
#include <grpc/grpc.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "edge/edge_server.h"
#include "edge/options.h"
#include "edge/web/assets.h"
#include "glog/logging.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"

namespace chatter::edge {
namespace {

// For the links, the logs, the listeners and whatever the libraries hold.
constexpr int64_t kReservedDescriptors = 200;

Setting Integer(std::string_view name, std::string_view default_value,
                std::string_view meaning, int64_t min, int64_t max) {
  Setting setting{name, Setting::Kind::kInteger, default_value, meaning};
  setting.min = min;
  setting.max = max;
  return setting;
}

std::vector<Setting> Table() {
  using Kind = Setting::Kind;
  Setting web_root{"WEB_ROOT", Kind::kText, "",
                   "a folder with the page; not set: the built-in page; empty: none"};
  web_root.may_be_empty = true;
  return {
      {"HOST", Kind::kText, "0.0.0.0", "the address to listen on"},
      Integer("PORT", "80", "where HTTP and WebSockets listen; 0: any free port", 0,
              65535),
      {"CHAT_TARGET", Kind::kText, "127.0.0.1:50051",
       "the chat service: host:port, or unix:<path>"},
      {"ALLOWED_ORIGINS", Kind::kText, "",
       "comma-separated origins of CORS and WebSockets; *: all; none: the same only"},
      web_root,
      Integer("EDGE_THREADS", "0", "threads; 0: one for each core", 0, 256),
      Integer("MAX_CONNECTIONS", "0",
              "connections at once; 0: what the descriptor limit allows", 0, 10'000'000),
      Integer("MAX_FRAME_BYTES", "65536", "the size of a WebSocket message", 125,
              1 << 20),
      Integer("MAX_BODY_BYTES", "65536", "the size of a request's body", 0, 1 << 24),
      Integer("MAX_SEND_BUFFER_BYTES", "1048576",
              "what may wait for one client before it is closed as too slow", 65536,
              1 << 30),
  };
}

int MaxConnections(int64_t configured) {
  rlimit limit;
  CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  constexpr int64_t kMost = std::numeric_limits<int>::max() / 2;
  const int64_t possible =
      limit.rlim_cur == RLIM_INFINITY
          ? kMost
          : std::min(kMost, static_cast<int64_t>(limit.rlim_cur) - kReservedDescriptors);
  const int64_t allowed = std::max<int64_t>(possible, 1);
  if (configured > allowed) {
    LOG(WARNING) << "MAX_CONNECTIONS is " << configured << ", but the limit on open "
                 << "descriptors allows " << allowed;
  }
  return static_cast<int>(configured == 0 ? allowed : std::min(configured, allowed));
}

absl::StatusOr<StaticFiles> Files(const Settings& settings) {
  if (!settings.IsGiven("WEB_ROOT")) return StaticFiles(BuiltInAssets());
  if (settings.Text("WEB_ROOT").empty()) return StaticFiles();
  return StaticFiles::FromFolder(settings.Text("WEB_ROOT"));
}

int Fail(const absl::Status& why) {
  Announce(absl::StrCat("edged: ", why.message()));
  return 1;
}

int Main(int argc, char** argv) {
  StopSignal stop;
  const Settings settings = ParseSettingsOrExit(
      "edged", "the edge: HTTP and WebSockets for clients of the chat service", Table(),
      argc, argv);
  InitProcess(argv[0]);
  // For good: gRPC's shutdown would wait up to 10 s for a thread that has finished what a
  // full socket had not taken.
  grpc_init();
  absl::StatusOr<StaticFiles> files = Files(settings);
  if (!files.ok()) return Fail(files.status());

  EdgeOptions options;
  options.host = settings.Text("HOST");
  options.port = static_cast<uint16_t>(settings.Integer("PORT"));
  options.threads = static_cast<int>(settings.Integer("EDGE_THREADS"));
  if (options.threads == 0) {
    options.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  }
  options.chat_target = settings.Text("CHAT_TARGET");
  options.allowed_origins = settings.List("ALLOWED_ORIGINS");
  options.files = *std::move(files);
  options.max_connections = MaxConnections(settings.Integer("MAX_CONNECTIONS"));
  options.max_frame_bytes = static_cast<size_t>(settings.Integer("MAX_FRAME_BYTES"));
  options.max_body_bytes = static_cast<size_t>(settings.Integer("MAX_BODY_BYTES"));
  options.max_send_buffer_bytes =
      static_cast<size_t>(settings.Integer("MAX_SEND_BUFFER_BYTES"));

  absl::StatusOr<std::unique_ptr<EdgeServer>> server =
      EdgeServer::Start(std::move(options));
  if (!server.ok()) return Fail(server.status());
  Announce(absl::StrCat("listening on http://", settings.Text("HOST"), ":",
                        (*server)->port()));
  stop.Wait();
  (*server)->Stop();
  LOG(INFO) << "stopped";
  return 0;
}

}  // namespace
}  // namespace chatter::edge

int main(int argc, char** argv) { return chatter::edge::Main(argc, argv); }
