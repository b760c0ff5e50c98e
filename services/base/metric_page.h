#ifndef CHATTER_SERVICES_BASE_METRIC_PAGE_H_
#define CHATTER_SERVICES_BASE_METRIC_PAGE_H_

#include <prometheus/metric_family.h>

#include <string_view>
#include <utility>
#include <vector>

#include "services/base/metrics.h"

namespace chatter {

// Puts metric families together for a scrape.
class MetricPage {
 public:
  struct Label {
    std::string_view name;
    std::string_view value;
  };
  using Labels = std::vector<Label>;

  // One family, to which samples are added right after it was begun.
  class Family {
   public:
    Family& Add(double value, const Labels& labels = {});
    // `unit`: what 1 of the histogram's values is in the unit of the metric's name.
    Family& Add(const HistogramReading& reading, double unit, const Labels& labels = {});

   private:
    friend class MetricPage;
    explicit Family(prometheus::MetricFamily& family) : family_(family) {}

    prometheus::ClientMetric& AddMetric(const Labels& labels);

    prometheus::MetricFamily& family_;
  };

  Family Counter(std::string_view name, std::string_view help) {
    return Begin(name, help, prometheus::MetricType::Counter);
  }
  Family Gauge(std::string_view name, std::string_view help) {
    return Begin(name, help, prometheus::MetricType::Gauge);
  }
  Family Histogram(std::string_view name, std::string_view help) {
    return Begin(name, help, prometheus::MetricType::Histogram);
  }

  std::vector<prometheus::MetricFamily> Take() { return std::move(families_); }

 private:
  Family Begin(std::string_view name, std::string_view help, prometheus::MetricType type);

  std::vector<prometheus::MetricFamily> families_;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_METRIC_PAGE_H_
