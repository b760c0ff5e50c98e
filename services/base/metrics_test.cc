#include "services/base/metrics.h"

#include <prometheus/text_serializer.h>

#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/metric_page.h"
#include "services/base/process_metrics.h"

namespace chatter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<int64_t, 3> kBounds = {10, 100, 1000};

std::string Text(MetricPage& page) {
  return prometheus::TextSerializer().Serialize(page.Take());
}

TEST(MetricsTest, AHistogramCountsUpToAndWithEachBound) {
  Histogram histogram(kBounds);
  for (const int64_t value : {-5, 0, 10, 11, 100, 1000, 1001, 5000}) {
    histogram.Observe(value);
  }
  const HistogramReading reading = histogram.Read();
  EXPECT_THAT(reading.counts, ElementsAre(3, 2, 1, 2));
  EXPECT_EQ(reading.sum, 10u + 11 + 100 + 1000 + 1001 + 5000);
}

TEST(MetricsTest, DurationsAreObservedInNanoseconds) {
  Histogram histogram(kLatencyBounds);
  histogram.Observe(absl::Microseconds(250));
  histogram.Observe(absl::Nanoseconds(250'001));
  histogram.Observe(absl::Hours(1));
  HistogramReading reading = histogram.Read();
  EXPECT_EQ(reading.counts.front(), 1u);
  EXPECT_EQ(reading.counts[1], 1u);
  EXPECT_EQ(reading.counts.back(), 1u);
  reading += histogram.Read();
  EXPECT_EQ(reading.counts.front(), 2u);
  EXPECT_EQ(reading.sum, 2 * (250'000 + 250'001 + 3'600'000'000'000u));
}

TEST(MetricsTest, AnyThreadMayCountWhatIsShared) {
  SharedCounter counter;
  SharedGauge gauge;
  SharedHistogram histogram(kBounds);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 10'000; ++n) {
        counter.Add();
        gauge.Add(n % 2 == 0 ? 1 : -1);
        histogram.Observe(50);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter.value(), 40'000u);
  EXPECT_EQ(gauge.value(), 0);
  EXPECT_THAT(histogram.Read().counts, ElementsAre(0, 40'000, 0, 0));
}

TEST(MetricsTest, APageIsWhatPrometheusReads) {
  Histogram histogram(kBounds);
  histogram.Observe(7);
  histogram.Observe(2000);
  MetricPage page;
  page.Counter("c_total", "Counts.")
      .Add(3, {{"kind", "a"}, {"by", "quo\"te"}})
      .Add(4, {{"kind", "b"}});
  page.Gauge("g", "Goes up and down.").Add(-1.5);
  page.Histogram("h_seconds", "Takes long.").Add(histogram.Read(), 0.001);
  EXPECT_EQ(Text(page),
            "# HELP c_total Counts.\n"
            "# TYPE c_total counter\n"
            "c_total{kind=\"a\",by=\"quo\\\"te\"} 3\n"
            "c_total{kind=\"b\"} 4\n"
            "# HELP g Goes up and down.\n"
            "# TYPE g gauge\n"
            "g -1.5\n"
            "# HELP h_seconds Takes long.\n"
            "# TYPE h_seconds histogram\n"
            "h_seconds_count 2\n"
            "h_seconds_sum 2.007\n"
            "h_seconds_bucket{le=\"0.01\"} 1\n"
            "h_seconds_bucket{le=\"0.1\"} 1\n"
            "h_seconds_bucket{le=\"1\"} 1\n"
            "h_seconds_bucket{le=\"+Inf\"} 2\n");
}

TEST(MetricsTest, TheProcessIsMeasured) {
  MetricPage page;
  AddProcessMetrics(page);
  const std::vector<prometheus::MetricFamily> families = page.Take();
  const auto value = [&](const std::string& name) {
    for (const auto& family : families) {
      if (family.name == name) return family.metric.at(0).gauge.value;
    }
    ADD_FAILURE() << name;
    return 0.0;
  };
  EXPECT_GT(value("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(value("process_virtual_memory_bytes"),
            value("process_resident_memory_bytes"));
  EXPECT_GE(value("process_open_fds"), 3);
  EXPECT_LT(value("process_open_fds"), value("process_max_fds"));
  EXPECT_GE(value("process_cpu_seconds_total"), 0);
  EXPECT_NEAR(value("process_start_time_seconds"), static_cast<double>(time(nullptr)),
              600);
  MetricPage again;
  AddProcessMetrics(again);
  EXPECT_THAT(Text(again), HasSubstr("chatter_build_info{version=\""));
  EXPECT_THAT(Text(again), Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace chatter
