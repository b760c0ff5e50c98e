#include "services/base/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "services/base/version.h"

namespace chatter {
namespace {

std::string ReadFile(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Which of the file's fields follow the program's name: proc(5), from "state" on.
constexpr size_t kUserTicks = 11;
constexpr size_t kSystemTicks = 12;
constexpr size_t kStartTicks = 19;
constexpr size_t kVirtualBytes = 20;
constexpr size_t kResidentPages = 21;

std::vector<double> ReadStat() {
  const std::string text = ReadFile("/proc/self/stat");
  const size_t name_end = text.rfind(") ");
  std::vector<double> fields;
  if (name_end == std::string::npos) return fields;
  for (const absl::string_view word :
       absl::StrSplit(absl::string_view(text).substr(name_end + 2), ' ')) {
    double value = 0;  // "state" is a letter
    if (!absl::SimpleAtod(word, &value)) value = 0;
    fields.push_back(value);
  }
  return fields;
}

double SecondsOf(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// In Unix time. /proc/stat has it, too, but is hidden from hardened units. Once: the
// clocks drift apart, and a start that moves would look like another one.
double BootTime() {
  static const double boot = SecondsOf(CLOCK_REALTIME) - SecondsOf(CLOCK_BOOTTIME);
  return boot;
}

std::optional<double> OpenDescriptors() {
  DIR* const folder = opendir("/proc/self/fd");
  if (folder == nullptr) return std::nullopt;
  int entries = 0;
  while (readdir(folder) != nullptr) ++entries;
  closedir(folder);
  return entries - 3;  // ".", ".." and the folder's own
}

}  // namespace

void AddProcessMetrics(MetricPage& page) {
  page.Gauge("chatter_build_info", "Always 1; which version this is.")
      .Add(1, {{"version", kVersion}});
  const std::vector<double> stat = ReadStat();
  if (stat.size() > kResidentPages) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    page.Counter("process_cpu_seconds_total", "CPU time, of user and system.")
        .Add((stat[kUserTicks] + stat[kSystemTicks]) / ticks);
    page.Gauge("process_resident_memory_bytes", "Memory that is in RAM.")
        .Add(stat[kResidentPages] * static_cast<double>(sysconf(_SC_PAGESIZE)));
    page.Gauge("process_virtual_memory_bytes", "Address space.").Add(stat[kVirtualBytes]);
    page.Gauge("process_start_time_seconds", "When it was started, in Unix time.")
        .Add(BootTime() + stat[kStartTicks] / ticks);
  }
  if (const std::optional<double> open = OpenDescriptors(); open.has_value()) {
    page.Gauge("process_open_fds", "Open descriptors.").Add(*open);
  }
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    page.Gauge("process_max_fds", "Descriptors that may be open.")
        .Add(static_cast<double>(limit.rlim_cur));
  }
}

}  // namespace chatter
