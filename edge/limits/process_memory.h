#ifndef CHATTER_EDGE_LIMITS_PROCESS_MEMORY_H_
#define CHATTER_EDGE_LIMITS_PROCESS_MEMORY_H_

#include <cstdint>
#include <string>

namespace chatter::edge {

// What this process occupies. Thread-compatible.
class ProcessMemory {
 public:
  virtual ~ProcessMemory() = default;

  // Resident, in bytes: cheap enough for once a second.
  virtual int64_t ResidentBytes() = 0;
  // Gives what is free within the process back to the system.
  virtual void GiveBack() = 0;

  // The real one.
  static ProcessMemory& Real();
};

// How much memory the process may use, in bytes: what its cgroup (v2) or one above it
// allows, or what the machine has, whichever is less. `root`: of the file system.
int64_t MemoryAllowance(const std::string& root = "");

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_PROCESS_MEMORY_H_
