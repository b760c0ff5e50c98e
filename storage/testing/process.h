// Programs that a test runs.
#ifndef CHATTER_STORAGE_TESTING_PROCESS_H_
#define CHATTER_STORAGE_TESTING_PROCESS_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace chatter::testing {

struct ProcessOptions {
  std::vector<std::string> command;                // the program is looked for in PATH
  std::map<std::string, std::string> environment;  // besides the test's own
  std::string run_as;  // a user's name; only looked at when the test is root
};

// A child with its stderr read. The kernel kills it when the thread that started it ends,
// so that none outlives its test. What goes wrong with starting it ends the test.
// Thread-safe, but for Wait.
class Process {
 public:
  static std::unique_ptr<Process> Start(const ProcessOptions& options);
  // Kills what has not ended.
  ~Process();

  pid_t pid() const { return pid_; }
  void Signal(int signal) const;

  // The rest of the first line of stderr (of those not yet looked through) that has
  // `marker` in it; nullopt when it ended, or the deadline passed, without one.
  std::optional<std::string> WaitForLine(std::string_view marker, absl::Duration deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Its exit code, or 128 and the number of the signal that ended it; nullopt when it has
  // not ended in time. Output() is whole then, in as far as that time is enough.
  std::optional<int> Wait(absl::Duration deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  // What it wrote to stderr, its end when that is much.
  std::string Output() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Process(pid_t pid, int stderr_fd);

  // A sanitizer's report in it ends the test.
  void ReadOutput(int fd) ABSL_LOCKS_EXCLUDED(mutex_);

  const pid_t pid_;
  std::optional<int> exit_code_;
  mutable absl::Mutex mutex_;
  std::string output_ ABSL_GUARDED_BY(mutex_);
  size_t looked_through_ ABSL_GUARDED_BY(mutex_) = 0;
  bool output_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread reader_;
};

// Runs it to its end, which must be good.
void RunToEnd(const ProcessOptions& options, absl::Duration deadline);

}  // namespace chatter::testing

#endif  // CHATTER_STORAGE_TESTING_PROCESS_H_
