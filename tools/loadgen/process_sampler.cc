#include "tools/loadgen/process_sampler.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <sstream>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/event_loop.h"

namespace chatter::loadgen {
namespace {

// Empty when the process is gone.
std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

// The names in /proc/PID/task.
std::vector<std::string> ThreadsOf(pid_t pid) {
  std::vector<std::string> threads;
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(
      opendir(absl::StrCat("/proc/", pid, "/task").c_str()), &closedir);
  if (folder == nullptr) return threads;
  while (const dirent* const entry = readdir(folder.get())) {
    if (entry->d_name[0] != '.') threads.emplace_back(entry->d_name);
  }
  return threads;
}

void AddWithDescendants(pid_t pid, std::vector<pid_t>& pids) {
  pids.push_back(pid);
  const std::string children =
      Read(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  for (const absl::string_view child :
       absl::StrSplit(children, ' ', absl::SkipWhitespace())) {
    pid_t child_pid;
    if (absl::SimpleAtoi(child, &child_pid)) AddWithDescendants(child_pid, pids);
  }
}

absl::StatusOr<std::vector<pid_t>> TreeOf(const NamedPid& process) {
  if (access(absl::StrCat("/proc/", process.pid).c_str(), F_OK) != 0) {
    return absl::NotFoundError(
        absl::StrCat(process.name, " (process ", process.pid, ") is gone"));
  }
  std::vector<pid_t> pids;
  AddWithDescendants(process.pid, pids);
  return pids;
}

int64_t ClockOf(pid_t pid) {
  clockid_t clock;
  timespec time;
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) return 0;
  return time.tv_sec * kSecond + time.tv_nsec;
}

// cutime and cstime: of children, and theirs, that have ended and were waited for.
int64_t CpuOfEndedChildren(pid_t pid) {
  const std::string stat = Read(absl::StrCat("/proc/", pid, "/stat"));
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return 0;
  // The state, field 3, comes next; cutime and cstime are fields 16 and 17.
  const std::vector<std::string> fields = absl::StrSplit(stat.substr(name_end + 2), ' ');
  int64_t user;
  int64_t system;
  if (fields.size() < 15 || !absl::SimpleAtoi(fields[13], &user) ||
      !absl::SimpleAtoi(fields[14], &system)) {
    return 0;
  }
  return (user + system) * (kSecond / sysconf(_SC_CLK_TCK));
}

int64_t CpuOfTree(const std::vector<pid_t>& pids) {
  int64_t sum = 0;
  for (const pid_t pid : pids) sum += ClockOf(pid) + CpuOfEndedChildren(pid);
  return sum;
}

// The number in the line that begins with `name`; 0 when there is none.
int64_t NumberIn(std::string_view text, std::string_view name) {
  const size_t at = text.find(name);
  if (at == text.npos) return 0;
  int64_t number = 0;
  const size_t begin = text.find_first_of("0123456789", at + name.size());
  const size_t end = text.find_first_not_of("0123456789", begin);
  if (begin == text.npos) return 0;
  return absl::SimpleAtoi(AbslView(text.substr(begin, end - begin)), &number) ? number
                                                                              : 0;
}

}  // namespace

absl::StatusOr<ProcessUse> UseOf(const NamedPid& process) {
  const absl::StatusOr<std::vector<pid_t>> pids = TreeOf(process);
  if (!pids.ok()) return pids.status();
  ProcessUse use{process.name, process.pid};
  use.cpu_ns = CpuOfTree(*pids);
  for (const pid_t pid : *pids) {
    for (const std::string& thread : ThreadsOf(pid)) {
      const std::string status =
          Read(absl::StrCat("/proc/", pid, "/task/", thread, "/status"));
      use.voluntary_switches += NumberIn(status, "\nvoluntary_ctxt_switches:");
      use.involuntary_switches += NumberIn(status, "\nnonvoluntary_ctxt_switches:");
    }
  }
  return use;
}

absl::StatusOr<int64_t> CpuOf(const NamedPid& process) {
  const absl::StatusOr<std::vector<pid_t>> pids = TreeOf(process);
  if (!pids.ok()) return pids.status();
  return CpuOfTree(*pids);
}

absl::StatusOr<ProcessMemory> MemoryOf(const NamedPid& process) {
  const absl::StatusOr<std::vector<pid_t>> pids = TreeOf(process);
  if (!pids.ok()) return pids.status();
  ProcessMemory memory{process.name};
  for (const pid_t pid : *pids) {
    const std::string rollup = Read(absl::StrCat("/proc/", pid, "/smaps_rollup"));
    memory.rss_bytes += NumberIn(rollup, "\nRss:") << 10;
    memory.pss_bytes += NumberIn(rollup, "\nPss:") << 10;
    memory.private_bytes +=
        (NumberIn(rollup, "\nPrivate_Clean:") + NumberIn(rollup, "\nPrivate_Dirty:"))
        << 10;
  }
  return memory;
}

MachineUse UseOfMachine() {
  const std::string stat = Read("/proc/stat");
  const std::vector<std::string> fields =
      absl::StrSplit(stat.substr(0, stat.find('\n')), ' ', absl::SkipWhitespace());
  MachineUse use;
  // cpu user nice system idle iowait irq softirq steal; guests are part of user.
  for (size_t i = 1; i < fields.size() && i <= 8; ++i) {
    int64_t ticks = 0;
    if (!absl::SimpleAtoi(fields[i], &ticks)) continue;
    use.total_ticks += ticks;
    if (i == 4 || i == 5) use.idle_ticks += ticks;
    if (i == 8) use.stolen_ticks += ticks;
  }
  return use;
}

}  // namespace chatter::loadgen
