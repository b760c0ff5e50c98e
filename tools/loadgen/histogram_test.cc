#include "tools/loadgen/histogram.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "gtest/gtest.h"

namespace chatter::loadgen {
namespace {

TEST(HistogramTest, IsEmptyAtFirst) {
  const Histogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.Quantile(0.5), 0);
  EXPECT_EQ(histogram.max(), 0);
  EXPECT_EQ(histogram.mean(), 0);
}

TEST(HistogramTest, SmallValuesAreExact) {
  Histogram histogram;
  for (int value = 1; value <= 1000; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.Quantile(0), 1);
  EXPECT_EQ(histogram.Quantile(0.5), 500);
  EXPECT_EQ(histogram.Quantile(0.99), 990);
  EXPECT_EQ(histogram.Quantile(0.999), 999);
  EXPECT_EQ(histogram.Quantile(1), 1000);
  EXPECT_EQ(histogram.mean(), 500.5);
}

TEST(HistogramTest, EveryValueComesBackWithinAThousandth) {
  for (int bit = 0; bit < 42; ++bit) {
    for (const int64_t around : {-1, 0, 1, 12345}) {
      const int64_t value = (int64_t{1} << bit) + around;
      if (value < 0 || value > Histogram::kMax) continue;
      Histogram histogram;
      histogram.Record(value);
      // So that the cell's end, not the greatest value, is what comes back.
      histogram.Record(Histogram::kMax);
      const int64_t got = histogram.Quantile(0.5);
      EXPECT_GE(got, value);
      EXPECT_LE(got, value + value / 1000) << value;
    }
  }
}

TEST(HistogramTest, QuantilesAreThoseOfTheSortedValues) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(13, 1.5);
  std::vector<int64_t> values(100'000);
  Histogram histogram;
  for (int64_t& value : values) {
    value = static_cast<int64_t>(latency(random));
    histogram.Record(value);
  }
  std::sort(values.begin(), values.end());
  for (const double share : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const int64_t want = values[static_cast<size_t>(share * 100'000) - 1];
    EXPECT_GE(histogram.Quantile(share), want);
    EXPECT_LE(histogram.Quantile(share), want + want / 1000);
  }
  EXPECT_EQ(histogram.Quantile(1), values.back());
  EXPECT_EQ(histogram.max(), values.back());
}

TEST(HistogramTest, WhatIsOutOfRangeIsHeldAtItsEnds) {
  Histogram histogram;
  histogram.Record(-5);
  EXPECT_EQ(histogram.Quantile(1), 0);
  histogram.Record(INT64_MAX);
  EXPECT_EQ(histogram.max(), Histogram::kMax);
  EXPECT_EQ(histogram.Quantile(1), Histogram::kMax);
}

TEST(HistogramTest, AddsAndClears) {
  Histogram sum;
  Histogram other;
  sum.Record(10);
  other.Record(1'000'000);
  other.Record(3);
  sum.Add(other);
  EXPECT_EQ(sum.count(), 3);
  EXPECT_EQ(sum.Quantile(0.5), 10);
  EXPECT_EQ(sum.max(), 1'000'000);
  sum.Clear();
  EXPECT_EQ(sum.count(), 0);
  EXPECT_EQ(sum.Quantile(1), 0);
}

}  // namespace
}  // namespace chatter::loadgen
