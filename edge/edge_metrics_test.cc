#include "edge/edge_metrics.h"

#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

// "name{label=value,…}" of each counter and gauge.
std::map<std::string, double> Values(
    absl::Span<const std::unique_ptr<EdgeThreadMetrics>> threads) {
  std::map<std::string, double> values;
  for (const auto& family : Describe(threads, 100)) {
    for (const auto& metric : family.metric) {
      std::string labels;
      for (const auto& label : metric.label) {
        absl::StrAppend(&labels, labels.empty() ? "" : ",", label.name, "=", label.value);
      }
      values[absl::StrCat(family.name, "{", labels, "}")] = metric.counter.value;
    }
  }
  return values;
}

TEST(EdgeMetricsTest, RoutesAreThoseOfTheApi) {
  EXPECT_EQ(RouteOf("/user"), Route::kUser);
  EXPECT_EQ(RouteOf("/ws_token"), Route::kWsToken);
  EXPECT_EQ(RouteOf("/connections"), Route::kConnections);
  EXPECT_EQ(RouteOf("/messages"), Route::kMessages);
  EXPECT_EQ(RouteOf("/ws"), Route::kWebSocket);
  EXPECT_EQ(RouteOf("/healthz"), Route::kHealth);
  for (const std::string other : {"/", "", "none", "other", "/users", "/app.js"}) {
    EXPECT_EQ(RouteOf(other), Route::kOther) << other;
  }
}

TEST(EdgeMetricsTest, ThreadsAreAddedUp) {
  std::vector<std::unique_ptr<EdgeThreadMetrics>> threads;
  for (int i = 1; i <= 3; ++i) {
    threads.push_back(std::make_unique<EdgeThreadMetrics>());
    EdgeThreadMetrics& thread = *threads.back();
    thread.frames_in.Add(static_cast<uint64_t>(i));
    thread.web_sockets.Add(10 * i);
    thread.CountAnswer(Route::kMessages, 200);
    thread.link_up.Set(i == 2 ? 0 : 1);
  }
  auto values = Values(threads);
  EXPECT_EQ(values["chatter_edge_frames_total{direction=in}"], 6);
  EXPECT_EQ(values["chatter_edge_connections{kind=websocket}"], 60);
  EXPECT_EQ(values["chatter_edge_requests_total{route=/messages,code=2xx}"], 3);
  EXPECT_EQ(values["chatter_edge_link_up{thread=0}"], 1);
  EXPECT_EQ(values["chatter_edge_link_up{thread=1}"], 0);
}

TEST(EdgeMetricsTest, AHandshakesAnswerIsItsResult) {
  std::vector<std::unique_ptr<EdgeThreadMetrics>> threads;
  threads.push_back(std::make_unique<EdgeThreadMetrics>());
  for (const int status : {101, 403, 400, 426, 429, 503}) {
    threads[0]->CountAnswer(Route::kWebSocket, status);
    threads[0]->CountAnswer(Route::kOther, status);
  }
  auto values = Values(threads);
  EXPECT_EQ(values["chatter_edge_handshakes_total{result=accepted}"], 1);
  EXPECT_EQ(values["chatter_edge_handshakes_total{result=forbidden}"], 1);
  EXPECT_EQ(values["chatter_edge_handshakes_total{result=bad_request}"], 2);
  EXPECT_EQ(values["chatter_edge_handshakes_total{result=too_many}"], 1);
  EXPECT_EQ(values["chatter_edge_handshakes_total{result=unavailable}"], 1);
}

TEST(EdgeMetricsTest, ClosesAreCountedByWhoBeganThem) {
  std::vector<std::unique_ptr<EdgeThreadMetrics>> threads;
  threads.push_back(std::make_unique<EdgeThreadMetrics>());
  for (const uint16_t code : kCloseCodes) threads[0]->CountClose(code);
  threads[0]->CountClose(std::nullopt);
  auto values = Values(threads);
  for (const uint16_t code : kCloseCodes) {
    EXPECT_EQ(values[absl::StrCat("chatter_edge_closes_total{code=", code, "}")], 1);
  }
  EXPECT_EQ(values["chatter_edge_closes_total{code=peer}"], 1);
}

}  // namespace
}  // namespace chatter::edge
