#include "edge/limits/process_memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "absl/strings/numbers.h"

// Of tcmalloc, which is not there under the sanitizers.
extern "C" void MallocExtension_ReleaseFreeMemory() __attribute__((weak));

namespace chatter::edge {
namespace {

class RealProcessMemory : public ProcessMemory {
 public:
  RealProcessMemory() : statm_(open("/proc/self/statm", O_RDONLY | O_CLOEXEC)) {}

  int64_t ResidentBytes() override {
    char text[128];
    const ssize_t size = pread(statm_, text, sizeof(text) - 1, 0);
    if (size <= 0) return 0;
    text[size] = '\0';
    long resident = 0;  // NOLINT: as sscanf wants it
    if (std::sscanf(text, "%*d %ld", &resident) != 1) return 0;
    return int64_t{resident} * sysconf(_SC_PAGESIZE);
  }

  void GiveBack() override {
    if (MallocExtension_ReleaseFreeMemory != nullptr) {
      MallocExtension_ReleaseFreeMemory();
    } else {
      malloc_trim(0);
    }
  }

 private:
  const int statm_;
};

// The path of the process's cgroup: "0::/a/b". Empty for the topmost one, or when there
// is none.
std::string CgroupPath(const std::string& root) {
  std::ifstream file(root + "/proc/self/cgroup");
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind("0::/", 0) == 0) return line.size() == 4 ? "" : line.substr(3);
  }
  return "";
}

}  // namespace

ProcessMemory& ProcessMemory::Real() {
  static auto& real = *new RealProcessMemory;
  return real;
}

int64_t MemoryAllowance(const std::string& root) {
  int64_t allowance = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  std::string path = CgroupPath(root);
  while (true) {
    std::ifstream file(root + "/sys/fs/cgroup" + path + "/memory.max");
    std::string text;  // a number, or "max"
    int64_t max;
    if (file >> text && absl::SimpleAtoi(text, &max))
      allowance = std::min(allowance, max);
    if (path.empty()) return allowance;
    path.resize(path.rfind('/'));
  }
}

}  // namespace chatter::edge
