#include "tools/loadgen/report.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tools/loadgen/plot.h"

namespace chatter::loadgen {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// 1000 messages in two seconds, of 1 ms each, for which edged used half a core.
Report MakeReport() {
  Report report;
  report.title = "dm: 1 < 2";
  report.unit = "messages";
  report.count = 1000;
  report.seconds = 2;
  report.latencies.resize(2);
  report.latencies[0].what = "sent to at the recipient";
  for (int i = 0; i < 1000; ++i) report.latencies[0].histogram.Record(1'000'000);
  report.latencies[1].what = "never";
  report.figures = {{"come_s", 1.5, "s", "until all came"}};
  report.series = {{1, 400, 900'000, 1'000'000, 2'000'000},
                   {1, 600, 900'000, 1'000'000, 3'000'000}};
  report.servers = {{"edged", 12, 1'000'000'000, 3000, 500}};
  report.generator = {"loadgen", 13, 10'000'000, 1000, 0};
  report.machine = {400, 100, 4};
  return report;
}

TEST(ReportTest, DurationsHaveAUnit) {
  EXPECT_EQ(FormatDuration(1'500), "1.5 us");
  EXPECT_EQ(FormatDuration(1'230'000), "1.23 ms");
  EXPECT_EQ(FormatDuration(61'000'000'000), "61.00 s");
}

TEST(ReportTest, SaysWhatEachMessageCost) {
  const std::string text = FormatReport(MakeReport());
  EXPECT_THAT(text, HasSubstr("1000 messages in 2.00 s: 500.0/s"));
  EXPECT_THAT(text, HasSubstr("(1000): p50 1.00 ms"));
  EXPECT_THAT(text, HasSubstr("until all came: 1.5 s"));
  EXPECT_THAT(text, ::testing::ContainsRegex(
                        "edged +1\\.00 +0\\.500 +1000\\.00 +3\\.000 +0\\.500"));
  EXPECT_THAT(text, HasSubstr("75.0 % busy, 1.0 % stolen"));
  // Nothing was recorded.
  EXPECT_THAT(text, Not(HasSubstr("never")));
}

TEST(ReportTest, JsonHoldsTheSame) {
  Report report = MakeReport();
  report.outcome = absl::DataLossError("lost \"one\"");
  rapidjson::Document json;
  json.Parse(ReportToJson(report));
  ASSERT_FALSE(json.HasParseError());
  EXPECT_EQ(json["count"].GetInt(), 1000);
  EXPECT_EQ(json["each_second"].GetDouble(), 500);
  ASSERT_EQ(json["latencies"].Size(), 1u);
  EXPECT_NEAR(json["latencies"][0]["p99_us"].GetDouble(), 1000, 1);
  EXPECT_EQ(json["figures"]["come_s"].GetDouble(), 1.5);
  EXPECT_EQ(json["servers"][0]["cpu_us_each"].GetDouble(), 1000);
  EXPECT_EQ(json["servers"][0]["voluntary_switches_each"].GetDouble(), 3);
  EXPECT_EQ(json["generator"]["cpu_s"].GetDouble(), 0.01);
  EXPECT_EQ(json["machine"]["busy"].GetDouble(), 0.75);
  EXPECT_EQ(json["series"].Size(), 2u);
  EXPECT_STREQ(json["failure"].GetString(), "lost \"one\"");
}

TEST(ReportTest, ThePictureHasACurveForEachNumber) {
  const std::string svg = Plot(MakeReport());
  EXPECT_THAT(svg, HasSubstr("dm: 1 &lt; 2"));
  // Throughput from 0 to 1000 above, latency from 100 us to 10 ms below.
  EXPECT_THAT(svg, HasSubstr("#1f77b4\" points=\"435.0,174.0 780.0,136.0 \""));
  EXPECT_THAT(svg, HasSubstr("#ff7f0e\" points=\"435.0,415.0 780.0,415.0 \""));
  EXPECT_THAT(svg, HasSubstr("#2ca02c"));
  EXPECT_THAT(svg, HasSubstr("#d62728"));
}

TEST(ReportTest, ThePictureOfNothingIsEmpty) {
  const std::string svg = Plot(Report());
  EXPECT_THAT(svg, HasSubstr("</svg>"));
  EXPECT_THAT(svg, Not(HasSubstr("nan")));
}

}  // namespace
}  // namespace chatter::loadgen
