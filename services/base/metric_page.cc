#include "services/base/metric_page.h"

#include <cstddef>
#include <string>

namespace chatter {

MetricPage::Family MetricPage::Begin(std::string_view name, std::string_view help,
                                     prometheus::MetricType type) {
  prometheus::MetricFamily& family = families_.emplace_back();
  family.name = std::string(name);
  family.help = std::string(help);
  family.type = type;
  return Family(family);
}

prometheus::ClientMetric& MetricPage::Family::AddMetric(const Labels& labels) {
  prometheus::ClientMetric& metric = family_.metric.emplace_back();
  for (const Label& label : labels) {
    metric.label.push_back({std::string(label.name), std::string(label.value)});
  }
  return metric;
}

MetricPage::Family& MetricPage::Family::Add(double value, const Labels& labels) {
  prometheus::ClientMetric& metric = AddMetric(labels);
  metric.counter.value = value;
  metric.gauge.value = value;
  return *this;
}

MetricPage::Family& MetricPage::Family::Add(const HistogramReading& reading, double unit,
                                            const Labels& labels) {
  prometheus::ClientMetric::Histogram& histogram = AddMetric(labels).histogram;
  for (size_t i = 0; i < reading.counts.size(); ++i) {
    histogram.sample_count += reading.counts[i];
    if (i == reading.bounds.size()) break;
    histogram.bucket.push_back(
        {histogram.sample_count, static_cast<double>(reading.bounds[i]) * unit});
  }
  histogram.sample_sum = static_cast<double>(reading.sum) * unit;
  return *this;
}

}  // namespace chatter
