#ifndef CHATTER_EDGE_OPTIONS_H_
#define CHATTER_EDGE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "edge/http/static_files.h"
#include "edge/limits/edge_limits.h"
#include "services/base/tls.h"

namespace chatter::edge {

// What edged can be told: README, "Configuration".
struct EdgeOptions {
  std::string host = "0.0.0.0";
  uint16_t port = 80;
  TlsFiles tls;  // of a server; none: without TLS
  int threads = 1;
  std::string chat_target;
  TlsFiles chat_tls;          // of a client of chatd; none: without TLS
  std::string chat_tls_name;  // see ChatAddress
  std::vector<std::string> allowed_origins;
  StaticFiles files;
  LimitOptions limits;
  size_t max_frame_bytes = 65536;
  size_t max_body_bytes = 65536;
  size_t max_send_buffer_bytes = 1 << 20;
  // Over how long a stop spreads the ends of WebSockets.
  absl::Duration drain = absl::ZeroDuration();
  // From a request's first byte to its last, and until the first one of a connection.
  absl::Duration request_timeout = absl::Seconds(10);
  // Between two requests of a connection.
  absl::Duration keep_alive = absl::Seconds(60);
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_OPTIONS_H_
