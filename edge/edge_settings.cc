#include "edge/edge_settings.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "edge/limits/edge_limits.h"
#include "edge/limits/process_memory.h"
#include "edge/web/assets.h"
#include "glog/logging.h"
#include "services/base/admin_server.h"
#include "services/base/chat_tls_settings.h"

namespace chatter::edge {
namespace {

// For the links, the logs, the listeners and whatever the libraries hold.
constexpr int64_t kReservedDescriptors = 200;

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
  absl::StatusOr<StaticFiles> files = StaticFiles::FromFolder(settings.Text("WEB_ROOT"));
  if (files.ok()) return files;
  return absl::Status(files.status().code(),
                      absl::StrCat("WEB_ROOT: ", files.status().message()));
}

int64_t MaxMemoryBytes(const Settings& settings) {
  if (!settings.IsGiven("MAX_MEMORY_MB")) return MemoryAllowance() / 10 * 8;
  return settings.Integer("MAX_MEMORY_MB") * 1'000'000;
}

absl::StatusOr<LimitOptions> Limits(const Settings& settings) {
  LimitOptions limits;
  limits.max_connections = MaxConnections(settings.Integer("MAX_CONNECTIONS"));
  limits.max_connections_per_address =
      static_cast<int>(settings.Integer("MAX_CONNECTIONS_PER_ADDRESS"));
  limits.handshake_rate = static_cast<int>(settings.Integer("HANDSHAKE_RATE"));
  limits.max_memory_bytes = MaxMemoryBytes(settings);
  absl::StatusOr<TrustedProxies> proxies =
      TrustedProxies::Parse(settings.List("TRUSTED_PROXIES"));
  if (!proxies.ok()) {
    return absl::Status(proxies.status().code(),
                        absl::StrCat("TRUSTED_PROXIES: ", proxies.status().message()));
  }
  limits.trusted_proxies = *std::move(proxies);
  return limits;
}

}  // namespace

std::vector<Setting> EdgeSettings() {
  using Kind = Setting::Kind;
  Setting web_root{"WEB_ROOT", Kind::kText, "",
                   "a folder with the page; not set: the built-in page; empty: none"};
  web_root.may_be_empty = true;
  const Setting max_memory =
      IntegerSetting("MAX_MEMORY_MB", "",
                     "resident memory over which new connections are refused; not set: "
                     "80 % of what the cgroup or the machine has; 0: no limit",
                     0, 100'000'000);
  const std::vector<Setting> own = {
      {"HOST", Kind::kText, "0.0.0.0", "the address to listen on"},
      IntegerSetting("PORT", "80", "where HTTP and WebSockets listen; 0: any free port",
                     0, 65535),
      {"TLS_CERT", Kind::kText, "",
       "the certificate's PEM file, for https and wss; none: http and ws"},
      {"TLS_KEY", Kind::kText, "", "the PEM file of the certificate's key"},
      {"CHAT_TARGET", Kind::kText, "127.0.0.1:50051",
       "the chat service: host:port, or unix:<path>"},
      {"CHAT_TLS_NAME", Kind::kText, "",
       "whom chatd's certificate must be for, when not for CHAT_TARGET's host"},
      {"ALLOWED_ORIGINS", Kind::kText, "",
       "comma-separated origins of CORS and WebSockets; *: all; none: the same only"},
      web_root,
      IntegerSetting("EDGE_THREADS", "0",
                     "threads; 0: one for two cores, as the others are for chatd", 0,
                     256),
      IntegerSetting("MAX_CONNECTIONS", "0",
                     "connections at once; 0: what the descriptor limit allows", 0,
                     10'000'000),
      IntegerSetting("MAX_CONNECTIONS_PER_ADDRESS", "1000",
                     "connections at once of one client address; 0: no limit", 0,
                     10'000'000),
      IntegerSetting("HANDSHAKE_RATE", "100",
                     "WebSocket handshakes a second of one client address, and at once; "
                     "0: no limit",
                     0, 1'000'000),
      {"TRUSTED_PROXIES", Kind::kText, "",
       "comma-separated addresses and networks whose X-Forwarded-For is believed"},
      max_memory,
      IntegerSetting("MAX_FRAME_BYTES", "65536", "the size of a WebSocket message", 125,
                     1 << 20),
      IntegerSetting("MAX_BODY_BYTES", "65536", "the size of a request's body", 0,
                     1 << 24),
      IntegerSetting(
          "REQUEST_TIMEOUT_SECONDS", "10",
          "from a request's first byte to its last, and until the first one of "
          "a connection",
          1, 3600),
      IntegerSetting("KEEP_ALIVE_SECONDS", "60",
                     "how long a connection may wait for its next request", 1, 3600),
      IntegerSetting("MAX_SEND_BUFFER_BYTES", "1048576",
                     "what may wait for one client before it is closed as too slow",
                     65536, 1 << 30),
      IntegerSetting("DRAIN_SECONDS", "10",
                     "over how long a stop spreads the ends of WebSockets", 0, 3600),
      {"ADMIN_LISTEN", Kind::kText, "",
       "<IP address>:<port> of metrics, health and readiness over HTTP; none: off"},
  };
  return Join({own, ChatTlsSettings()});
}

absl::StatusOr<EdgeOptions> ReadEdgeOptions(const Settings& settings) {
  absl::StatusOr<StaticFiles> files = Files(settings);
  if (!files.ok()) return files.status();
  if (absl::Status status = AdminServer::CheckListen(settings.Text("ADMIN_LISTEN"));
      !status.ok()) {
    return status;
  }
  EdgeOptions options;
  options.host = settings.Text("HOST");
  options.port = static_cast<uint16_t>(settings.Integer("PORT"));
  if (settings.IsGiven("TLS_CERT") != settings.IsGiven("TLS_KEY")) {
    return absl::InvalidArgumentError("TLS_CERT and TLS_KEY go together: set both");
  }
  options.tls = {settings.Text("TLS_CERT"), settings.Text("TLS_KEY"), ""};
  options.threads = static_cast<int>(settings.Integer("EDGE_THREADS"));
  if (options.threads == 0) {
    options.threads =
        static_cast<int>(std::max(1u, std::thread::hardware_concurrency() / 2));
  }
  options.chat_target = settings.Text("CHAT_TARGET");
  absl::StatusOr<TlsFiles> chat_tls = ReadChatTls(settings);
  if (!chat_tls.ok()) return chat_tls.status();
  options.chat_tls = *std::move(chat_tls);
  options.chat_tls_name = settings.Text("CHAT_TLS_NAME");
  options.allowed_origins = settings.List("ALLOWED_ORIGINS");
  options.files = *std::move(files);
  const absl::StatusOr<LimitOptions> limits = Limits(settings);
  if (!limits.ok()) return limits.status();
  options.limits = *limits;
  options.max_frame_bytes = static_cast<size_t>(settings.Integer("MAX_FRAME_BYTES"));
  options.max_body_bytes = static_cast<size_t>(settings.Integer("MAX_BODY_BYTES"));
  options.max_send_buffer_bytes =
      static_cast<size_t>(settings.Integer("MAX_SEND_BUFFER_BYTES"));
  options.drain = absl::Seconds(settings.Integer("DRAIN_SECONDS"));
  options.request_timeout = absl::Seconds(settings.Integer("REQUEST_TIMEOUT_SECONDS"));
  options.keep_alive = absl::Seconds(settings.Integer("KEEP_ALIVE_SECONDS"));
  return options;
}

}  // namespace chatter::edge
