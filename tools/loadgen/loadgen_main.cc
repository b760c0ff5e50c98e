// Loads a running edged from outside, and says what came of it: README.md.
#include <cstdio>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/plot.h"
#include "tools/loadgen/report.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

absl::Status WriteFile(const std::string& path, const std::string& content) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path);
  file << content;
  file.close();
  return file.good() ? absl::OkStatus()
                     : absl::UnavailableError(absl::StrCat("cannot write ", path));
}

int Fail(const absl::Status& why) {
  Announce(absl::StrCat("loadgen: ", why.message()));
  return 1;
}

int Main(int argc, char** argv) {
  const Settings settings = ParseSettingsOrExit(
      "loadgen", "loads a running edged and measures it", SettingsTable(), argc, argv);
  InitProcess(argv[0]);
  const absl::StatusOr<Options> options = ReadOptions(settings);
  if (!options.ok()) {
    Fail(options.status());
    return 2;
  }
  EventLoop loop;
  Report report;
  report.outcome = FindWorkload(options->workload)(loop, *options, report);
  std::fputs(FormatReport(report).c_str(), stdout);
  absl::Status written = WriteFile(options->json_file, ReportToJson(report));
  written.Update(WriteFile(options->plot_file, Plot(report)));
  if (!report.outcome.ok()) return Fail(report.outcome);
  return written.ok() ? 0 : Fail(written);
}

}  // namespace
}  // namespace chatter::loadgen

int main(int argc, char** argv) { return chatter::loadgen::Main(argc, argv); }
