#ifndef CHATTER_TOOLS_LOADGEN_PROCESS_SAMPLER_H_
#define CHATTER_TOOLS_LOADGEN_PROCESS_SAMPLER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/loadgen/options.h"

namespace chatter::loadgen {

// What a process and its descendants (of main threads) have used since they began.
struct ProcessUse {
  std::string name;
  pid_t pid = 0;
  // utime + stime, to the nanosecond: the CPU clocks of the processes (threads that have
  // ended included), and what /proc/PID/stat says of children that have ended (to 10 ms).
  int64_t cpu_ns = 0;
  // Of the threads that live: those that have ended take their counts with them.
  int64_t voluntary_switches = 0;
  int64_t involuntary_switches = 0;
};

struct ProcessMemory {
  std::string name;
  // /proc/PID/smaps_rollup, of all the processes together.
  int64_t rss_bytes = 0;
  int64_t pss_bytes = 0;
  int64_t private_bytes = 0;
};

// All processors together: /proc/stat.
struct MachineUse {
  int64_t total_ticks = 0;
  int64_t idle_ticks = 0;
  int64_t stolen_ticks = 0;  // by the hypervisor
};

// NOT_FOUND when there is no such process.
absl::StatusOr<ProcessUse> UseOf(const NamedPid& process);
// Its cpu_ns alone, which is cheap.
absl::StatusOr<int64_t> CpuOf(const NamedPid& process);
absl::StatusOr<ProcessMemory> MemoryOf(const NamedPid& process);
MachineUse UseOfMachine();

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_PROCESS_SAMPLER_H_
