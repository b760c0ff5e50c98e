#include "edge/edge_metrics.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/metric_page.h"

namespace chatter::edge {
namespace {

using Threads = absl::Span<const std::unique_ptr<EdgeThreadMetrics>>;

// Of all threads; `of` chooses what.
template <typename Of>
double Sum(Threads threads, Of of) {
  double sum = 0;
  for (const auto& thread : threads) sum += static_cast<double>(of(*thread).value());
  return sum;
}
double Sum(Threads threads, Counter EdgeThreadMetrics::*member) {
  return Sum(threads,
             [&](const EdgeThreadMetrics& m) -> const Counter& { return m.*member; });
}
double Sum(Threads threads, Gauge EdgeThreadMetrics::*member) {
  return Sum(threads,
             [&](const EdgeThreadMetrics& m) -> const Gauge& { return m.*member; });
}

void DescribeConnections(Threads threads, int max_connections, MetricPage& page) {
  using M = EdgeThreadMetrics;
  page.Gauge("chatter_edge_connections", "Open connections.")
      .Add(Sum(threads, &M::http_connections), {{"kind", "http"}})
      .Add(Sum(threads, &M::web_sockets), {{"kind", "websocket"}});
  page.Gauge("chatter_edge_connections_limit", "As many may be open.")
      .Add(max_connections);
  page.Counter("chatter_edge_connections_accepted_total", "Connections accepted.")
      .Add(Sum(threads, &M::accepted));
  MetricPage::Family refusals =
      page.Counter("chatter_edge_refusals_total",
                   "Connections and handshakes turned away, by reason.");
  for (size_t i = 0; i < kEdgeRefusalNames.size(); ++i) {
    refusals.Add(
        Sum(threads, [&](const M& m) -> const Counter& { return m.refusals[i]; }),
        {{"reason", kEdgeRefusalNames[i]}});
  }
}

void DescribeRequests(Threads threads, MetricPage& page) {
  using M = EdgeThreadMetrics;
  static constexpr std::array<std::string_view, 5> kClasses = {"1xx", "2xx", "3xx", "4xx",
                                                               "5xx"};
  MetricPage::Family requests =
      page.Counter("chatter_edge_requests_total", "Answers, by route and status class.");
  for (size_t route = 0; route < kRouteNames.size(); ++route) {
    for (size_t i = 0; i < kClasses.size(); ++i) {
      requests.Add(
          Sum(threads,
              [&](const M& m) -> const Counter& { return m.requests[route][i]; }),
          {{"route", kRouteNames[route]}, {"code", kClasses[i]}});
    }
  }
  MetricPage::Family seconds = page.Histogram(
      "chatter_edge_request_seconds", "From a whole request to its answer, by route.");
  for (size_t route = 1; route < kRouteNames.size(); ++route) {
    HistogramReading sum = threads.front()->latencies[route].Read();
    for (const auto& thread : threads.subspan(1)) sum += thread->latencies[route].Read();
    seconds.Add(sum, kSecondsInNanosecond, {{"route", kRouteNames[route]}});
  }
}

void DescribeWebSockets(Threads threads, MetricPage& page) {
  using M = EdgeThreadMetrics;
  page.Counter("chatter_edge_handshakes_total", "WebSocket handshakes, by result.")
      .Add(Sum(threads, &M::handshakes_accepted), {{"result", "accepted"}})
      .Add(Sum(threads, &M::handshakes_forbidden), {{"result", "forbidden"}})
      .Add(Sum(threads, &M::handshakes_bad), {{"result", "bad_request"}})
      .Add(Sum(threads, &M::handshakes_too_many), {{"result", "too_many"}})
      .Add(Sum(threads, &M::handshakes_unavailable), {{"result", "unavailable"}});
  page.Counter("chatter_edge_frames_total", "Messages on WebSockets.")
      .Add(Sum(threads, &M::frames_in), {{"direction", "in"}})
      .Add(Sum(threads, &M::frames_out), {{"direction", "out"}});
  page.Counter("chatter_edge_bytes_total", "Bytes from and to clients, HTTP's too.")
      .Add(Sum(threads, &M::bytes_in), {{"direction", "in"}})
      .Add(Sum(threads, &M::bytes_out), {{"direction", "out"}});
  page.Counter("chatter_edge_bad_frames_total", "Messages that are none of the protocol.")
      .Add(Sum(threads, &M::bad_frames));
  MetricPage::Family closes = page.Counter(
      "chatter_edge_closes_total",
      "WebSockets that ended: by our close code; peer: by its close; lost: without one.");
  for (size_t i = 0; i < kCloseCodes.size(); ++i) {
    closes.Add(Sum(threads, [&](const M& m) -> const Counter& { return m.closes[i]; }),
               {{"code", absl::StrCat(kCloseCodes[i])}});
  }
  closes.Add(Sum(threads, &M::closes_by_peer), {{"code", "peer"}})
      .Add(Sum(threads, &M::closes_without_frame), {{"code", "lost"}});
}

template <typename Cell>
void AddForEachThread(Threads threads, Cell EdgeThreadMetrics::*member,
                      MetricPage::Family family) {
  for (size_t i = 0; i < threads.size(); ++i) {
    family.Add(static_cast<double>((*threads[i].*member).value()),
               {{"thread", absl::StrCat(i)}});
  }
}

void DescribeLinks(Threads threads, MetricPage& page) {
  using M = EdgeThreadMetrics;
  AddForEachThread(threads, &M::link_up,
                   page.Gauge("chatter_edge_link_up",
                              "Whether the thread is attached to the chat service."));
  AddForEachThread(threads, &M::link_reconnects,
                   page.Counter("chatter_edge_link_reconnects_total",
                                "How often it was attached again."));
  AddForEachThread(threads, &M::link_failures,
                   page.Counter("chatter_edge_link_failures_total",
                                "How often the link was lost, or could not be made."));
  AddForEachThread(threads, &M::link_waiting_bytes,
                   page.Gauge("chatter_edge_link_waiting_bytes",
                              "What waits to be sent to the chat service."));
}

}  // namespace

Route RouteOf(std::string_view path) {
  const auto end = kRouteNames.end() - 1;  // without kOther
  return static_cast<Route>(std::find(kRouteNames.begin() + 1, end, path) -
                            kRouteNames.begin());
}

void EdgeThreadMetrics::CountAnswer(Route route, int status) {
  requests[static_cast<size_t>(route)][static_cast<size_t>(status / 100 - 1)].Add();
  if (route != Route::kWebSocket) return;
  if (status == 101) {
    handshakes_accepted.Add();
  } else if (status == 403) {
    handshakes_forbidden.Add();
  } else if (status == 429) {
    handshakes_too_many.Add();
  } else {
    (status < 500 ? handshakes_bad : handshakes_unavailable).Add();
  }
}

void EdgeThreadMetrics::CountClose(std::optional<uint16_t> code) {
  if (!code.has_value()) return closes_by_peer.Add();
  const auto known = std::find(kCloseCodes.begin(), kCloseCodes.end(), *code);
  if (known != kCloseCodes.end()) {
    closes[static_cast<size_t>(known - kCloseCodes.begin())].Add();
  }
}

std::vector<prometheus::MetricFamily> Describe(Threads threads, int max_connections) {
  MetricPage page;
  DescribeConnections(threads, max_connections, page);
  DescribeRequests(threads, page);
  DescribeWebSockets(threads, page);
  DescribeLinks(threads, page);
  return page.Take();
}

}  // namespace chatter::edge
