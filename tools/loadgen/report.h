#ifndef CHATTER_TOOLS_LOADGEN_REPORT_H_
#define CHATTER_TOOLS_LOADGEN_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/histogram.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/process_sampler.h"

namespace chatter::loadgen {

// One second of the interval that is measured; the last may be shorter.
struct Second {
  double seconds;
  int64_t count;
  int64_t p50_ns;
  int64_t p99_ns;
  int64_t max_ns;
};

struct Latency {
  std::string what;
  Histogram histogram;
};

// A number that only one workload has.
struct Figure {
  std::string name;  // for JSON
  double value;
  std::string unit;
  std::string meaning;
};

// What came of a run. All of it is of the interval that is measured.
struct Report {
  std::string title;  // the workload and what it was told
  std::string unit;   // what is counted: "messages"
  int64_t count = 0;
  double seconds = 0;
  std::vector<Latency> latencies;
  std::vector<Figure> figures;
  std::vector<Second> series;
  std::vector<ProcessUse> servers;
  ProcessUse generator;
  MachineUse machine;
  absl::Status outcome;  // what went wrong, if anything did
};

// For people. "1.23 ms".
std::string FormatDuration(int64_t ns);
std::string FormatReport(const Report& report);

std::string ReportToJson(const Report& report);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_REPORT_H_
