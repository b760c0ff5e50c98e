// Everything that edged counts; edge_metrics.cc gives each its name and its meaning, and
// tools/monitoring/README.md tells the operator.
#ifndef CHATTER_EDGE_EDGE_METRICS_H_
#define CHATTER_EDGE_EDGE_METRICS_H_

#include <prometheus/metric_family.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "edge/ws/close_codes.h"
#include "services/base/metrics.h"

namespace chatter::edge {

// What requests are counted by.
enum class Route : uint8_t {
  kNone,  // there was no request that could be read
  kUser,
  kWsToken,
  kConnections,
  kMessages,
  kWebSocket,  // handshakes
  kHealth,
  kOther,  // the page's files, and what is not there
};
inline constexpr std::array<std::string_view, 8> kRouteNames = {
    "none",      "/user", "/ws_token", "/connections",
    "/messages", "/ws",   "/healthz",  "other"};
// Of a request's path.
Route RouteOf(std::string_view path);

// Why a connection or a handshake was turned away unread. A new one needs its name, too.
enum class EdgeRefusal : uint8_t {
  kTooManyConnections,
  kTooManyOfAddress,
  kNoMemory,
  kTooManyHandshakes,
};
inline constexpr std::array<std::string_view, 4> kEdgeRefusalNames = {
    "too_many_connections", "too_many_connections_of_address", "no_memory",
    "too_many_handshakes"};

// How WebSockets end: by our close codes, by the peer's close, or with none.
inline constexpr std::array<uint16_t, 7> kCloseCodes = {
    close_code::kGoingAway,       close_code::kProtocolError, close_code::kInvalidPayload,
    close_code::kPolicyViolation, close_code::kMessageTooBig, close_code::kServiceRestart,
    close_code::kTryAgainLater};

// Of one thread, which alone writes it.
struct alignas(64) EdgeThreadMetrics {
  void CountAnswer(Route route, int status);
  // The closing handshake begins, with this code or by the peer.
  void CountClose(std::optional<uint16_t> code);
  void CountRefusal(EdgeRefusal reason) { refusals[static_cast<size_t>(reason)].Add(); }
  Histogram& latency(Route route) { return latencies[static_cast<size_t>(route)]; }

  Counter frames_in;
  Counter frames_out;
  Counter bytes_in;
  Counter bytes_out;
  Counter bad_frames;

  Gauge link_up;
  Gauge link_waiting_bytes;
  Counter link_reconnects;
  Counter link_failures;

  Gauge http_connections;
  Gauge web_sockets;
  Counter accepted;
  std::array<Counter, kEdgeRefusalNames.size()> refusals;

  std::array<std::array<Counter, 5>, kRouteNames.size()> requests;  // by status / 100 - 1
  std::array<Histogram, kRouteNames.size()> latencies;
  Counter handshakes_accepted;
  Counter handshakes_forbidden;  // by the token or the origin
  Counter handshakes_bad;
  Counter handshakes_too_many;  // of one address
  Counter handshakes_unavailable;

  std::array<Counter, kCloseCodes.size()> closes;
  Counter closes_by_peer;
  Counter closes_without_frame;
};

// All of it, named, in all threads together.
std::vector<prometheus::MetricFamily> Describe(
    absl::Span<const std::unique_ptr<EdgeThreadMetrics>> threads, int max_connections);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_EDGE_METRICS_H_
