#include "tools/loadgen/report.h"

#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace chatter::loadgen {
namespace {

constexpr double kNsInSecond = 1e9;
constexpr double kNsInUs = 1e3;

double Per(double value, int64_t count) {
  return count == 0 ? 0 : value / static_cast<double>(count);
}

void AppendProcess(const Report& report, const ProcessUse& use, std::string& text) {
  const auto cpu = static_cast<double>(use.cpu_ns);
  absl::StrAppendFormat(&text, "  %-12s %9.2f %8.3f %12.2f %12.3f %12.3f\n", use.name,
                        cpu / kNsInSecond,
                        report.seconds == 0 ? 0 : cpu / kNsInSecond / report.seconds,
                        Per(cpu / kNsInUs, report.count),
                        Per(static_cast<double>(use.voluntary_switches), report.count),
                        Per(static_cast<double>(use.involuntary_switches), report.count));
}

}  // namespace

std::string FormatDuration(int64_t ns) {
  const auto value = static_cast<double>(ns);
  if (ns < 1'000'000) return absl::StrFormat("%.1f us", value / 1e3);
  if (ns < 1'000'000'000) return absl::StrFormat("%.2f ms", value / 1e6);
  return absl::StrFormat("%.2f s", value / 1e9);
}

std::string FormatReport(const Report& report) {
  std::string text = absl::StrCat(report.title, "\n");
  absl::StrAppendFormat(
      &text, "%d %s in %.2f s: %.1f/s\n", report.count, report.unit, report.seconds,
      report.seconds == 0 ? 0 : static_cast<double>(report.count) / report.seconds);
  for (const Latency& latency : report.latencies) {
    const Histogram& histogram = latency.histogram;
    if (histogram.count() == 0) continue;
    absl::StrAppend(&text, latency.what, " (", histogram.count(), "): p50 ",
                    FormatDuration(histogram.Quantile(0.5)), ", p90 ",
                    FormatDuration(histogram.Quantile(0.9)), ", p99 ",
                    FormatDuration(histogram.Quantile(0.99)), ", p99.9 ",
                    FormatDuration(histogram.Quantile(0.999)), ", max ",
                    FormatDuration(histogram.max()), "\n");
  }
  for (const Figure& figure : report.figures) {
    absl::StrAppendFormat(&text, "%s: %.6g %s\n", figure.meaning, figure.value,
                          figure.unit);
  }
  absl::StrAppendFormat(&text, "\n  %-12s %9s %8s %12s %12s %12s\n", "process", "CPU s",
                        "cores", "CPU us each", "sw. each", "forced each");
  ProcessUse sum;
  sum.name = "together";
  for (const ProcessUse& use : report.servers) {
    AppendProcess(report, use, text);
    sum.cpu_ns += use.cpu_ns;
    sum.voluntary_switches += use.voluntary_switches;
    sum.involuntary_switches += use.involuntary_switches;
  }
  if (report.servers.size() > 1) AppendProcess(report, sum, text);
  AppendProcess(report, report.generator, text);
  const auto total =
      static_cast<double>(std::max<int64_t>(report.machine.total_ticks, 1));
  absl::StrAppendFormat(
      &text,
      "  CPU: utime + stime, by the processes' CPU clocks, in ns; children that ended: in"
      " 10 ms.\n"
      "  Switches, voluntary and forced: of the threads that live at the end.\n"
      "  Each: for each of the %s. The machine: %d processors, %.1f %% busy, %.1f %%"
      " stolen.\n",
      report.unit, sysconf(_SC_NPROCESSORS_ONLN),
      100 * (1 - static_cast<double>(report.machine.idle_ticks) / total),
      100 * static_cast<double>(report.machine.stolen_ticks) / total);
  return text;
}

}  // namespace chatter::loadgen
