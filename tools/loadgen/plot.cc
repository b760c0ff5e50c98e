#include "tools/loadgen/plot.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace chatter::loadgen {
namespace {

constexpr double kWidth = 800;
constexpr double kHeight = 560;
constexpr double kLeft = 90;
constexpr double kRight = 780;

// One of the two diagrams.
struct Panel {
  double top;
  double bottom;
  double min;
  double max;
  bool logarithmic;

  double Y(double value) const {
    const double share = logarithmic
                             ? std::log(std::max(value, min) / min) / std::log(max / min)
                             : (value - min) / (max - min);
    return bottom - share * (bottom - top);
  }
};

std::string Escape(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

void AppendText(double x, double y, const char* anchor, const std::string& text,
                std::string& svg) {
  absl::StrAppendFormat(&svg,
                        "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x,
                        y, anchor, Escape(text));
}

void AppendGridLine(const Panel& panel, double value, const std::string& label,
                    std::string& svg) {
  const double y = panel.Y(value);
  absl::StrAppendFormat(
      &svg, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ddd\"/>\n",
      kLeft, y, kRight, y);
  AppendText(kLeft - 8, y + 4, "end", label, svg);
}

// The seconds' ends, as shares of the whole time.
std::vector<double> Times(const Report& report) {
  std::vector<double> times;
  double sum = 0;
  for (const Second& second : report.series) times.push_back(sum += second.seconds);
  for (double& time : times) time /= std::max(sum, 1e-9);
  return times;
}

void AppendCurve(const Report& report, const Panel& panel, const char* color,
                 const std::function<double(const Second&)>& value, std::string& svg) {
  const std::vector<double> times = Times(report);
  absl::StrAppend(&svg, "<polyline fill=\"none\" stroke-width=\"2\" stroke=\"", color,
                  "\" points=\"");
  for (size_t i = 0; i < times.size(); ++i) {
    absl::StrAppendFormat(&svg, "%.1f,%.1f ", kLeft + times[i] * (kRight - kLeft),
                          panel.Y(value(report.series[i])));
  }
  absl::StrAppend(&svg, "\"/>\n");
}

double Rate(const Second& second) {
  return static_cast<double>(second.count) / std::max(second.seconds, 1e-9);
}

// 1, 2 or 5 times a power of ten, and not less than `value`.
double RoundUp(double value) {
  const double power = std::pow(10, std::floor(std::log10(value)));
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= value) return factor * power;
  }
  return 10 * power;
}

void AppendThroughput(const Report& report, std::string& svg) {
  double most = 1;
  for (const Second& second : report.series) most = std::max(most, Rate(second));
  const Panel panel{60, 250, 0, RoundUp(most), false};
  for (int i = 0; i <= 4; ++i) {
    const double value = panel.max * i / 4;
    AppendGridLine(panel, value, absl::StrFormat("%g", value), svg);
  }
  AppendText(kLeft, panel.top - 10, "start", report.unit + " a second", svg);
  AppendCurve(report, panel, "#1f77b4", Rate, svg);
}

void AppendLatency(const Report& report, std::string& svg) {
  int64_t least = Histogram::kMax;
  int64_t most = 0;
  for (const Second& second : report.series) {
    if (second.max_ns == 0) continue;
    least = std::min(least, second.p50_ns);
    most = std::max(most, second.max_ns);
  }
  if (most == 0) return;
  const double first = std::floor(std::log10(std::max<int64_t>(least, 1)));
  const double last = std::ceil(std::log10(most + 1));
  const Panel panel{320, 510, std::pow(10, first), std::pow(10, last), true};
  for (double power = first; power <= last; ++power) {
    const double value = std::pow(10, power);
    AppendGridLine(panel, value, FormatDuration(static_cast<int64_t>(value)), svg);
  }
  AppendText(kLeft, panel.top - 10, "start", report.latencies[0].what, svg);
  struct Curve {
    const char* name;
    const char* color;
    int64_t Second::*value;
  };
  double x = kRight - 120;
  for (const Curve& curve : {Curve{"p50", "#2ca02c", &Second::p50_ns},
                             Curve{"p99", "#ff7f0e", &Second::p99_ns},
                             Curve{"max", "#d62728", &Second::max_ns}}) {
    AppendCurve(
        report, panel, curve.color,
        [&](const Second& second) { return static_cast<double>(second.*curve.value); },
        svg);
    absl::StrAppendFormat(&svg, "<g fill=\"%s\">", curve.color);
    AppendText(x, panel.top - 10, "start", curve.name, svg);
    absl::StrAppend(&svg, "</g>\n");
    x += 45;
  }
}

}  // namespace

std::string Plot(const Report& report) {
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %g %g\" "
      "font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
      kWidth, kHeight);
  AppendText(kLeft, 24, "start", report.title, svg);
  AppendThroughput(report, svg);
  AppendLatency(report, svg);
  AppendText(kLeft, 535, "start", "0 s", svg);
  AppendText(kRight, 535, "end", absl::StrFormat("%.0f s", report.seconds), svg);
  return absl::StrCat(svg, "</svg>\n");
}

}  // namespace chatter::loadgen
