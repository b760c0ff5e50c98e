#include "tools/loadgen/process_sampler.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <thread>

#include "gtest/gtest.h"
#include "tools/loadgen/event_loop.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kBurn = kSecond / 10;

int64_t CpuClock() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return time.tv_sec * kSecond + time.tv_nsec;
}

void Burn() {
  const int64_t end = CpuClock() + kBurn;
  while (CpuClock() < end) {
  }
}

// A child that burns, says so, and then waits to be ended.
class Child {
 public:
  Child() {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      Burn();
      if (write(ready[1], "x", 1) != 1) _exit(1);
      while (true) pause();
    }
    char byte;
    EXPECT_EQ(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~Child() { End(); }

  void End() {
    if (pid_ == 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }

 private:
  pid_t pid_;
};

TEST(ProcessSamplerTest, CountsThreadsThatHaveEnded) {
  const NamedPid self{"self", getpid()};
  const int64_t before = CpuOf(self).value();
  std::thread(Burn).join();
  const int64_t used = CpuOf(self).value() - before;
  EXPECT_GE(used, kBurn);
  EXPECT_LT(used, 3 * kBurn);
}

TEST(ProcessSamplerTest, CountsChildrenThatLiveAndThatHaveEnded) {
  const NamedPid self{"self", getpid()};
  const int64_t before = CpuOf(self).value();
  Child child;
  EXPECT_GE(CpuOf(self).value() - before, kBurn);
  child.End();
  // In ticks of 10 ms, of which the user's and the system's are cut off one by one.
  const int64_t used = CpuOf(self).value() - before;
  EXPECT_GE(used, kBurn - 2 * kSecond / sysconf(_SC_CLK_TCK));
  EXPECT_LT(used, 3 * kBurn);
}

TEST(ProcessSamplerTest, CountsSwitchesOfAllThreads) {
  const NamedPid self{"self", getpid()};
  const int64_t before = UseOf(self).value().voluntary_switches;
  int64_t after = 0;
  std::thread([&] {
    const timespec moment = {0, 1000};
    for (int i = 0; i < 50; ++i) nanosleep(&moment, nullptr);
    after = UseOf(self).value().voluntary_switches;
  }).join();
  EXPECT_GE(after - before, 50);
}

TEST(ProcessSamplerTest, SeesMemory) {
  const NamedPid self{"self", getpid()};
  const ProcessMemory before = MemoryOf(self).value();
  std::vector<char> block(16 << 20);
  // Written where no compiler can leave it away.
  volatile char* const bytes = block.data();
  for (size_t i = 0; i < block.size(); ++i) bytes[i] = 'x';
  const ProcessMemory after = MemoryOf(self).value();
  EXPECT_GE(after.private_bytes - before.private_bytes, 15 << 20);
  EXPECT_GE(after.pss_bytes - before.pss_bytes, 15 << 20);
  EXPECT_GE(after.rss_bytes - before.rss_bytes, 15 << 20);
  EXPECT_GE(after.rss_bytes, after.private_bytes);
}

TEST(ProcessSamplerTest, SaysThatAProcessIsGone) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, nullptr, 0);
  const NamedPid gone{"edged", pid};
  EXPECT_TRUE(absl::IsNotFound(UseOf(gone).status()));
  EXPECT_TRUE(absl::IsNotFound(CpuOf(gone).status()));
  EXPECT_TRUE(absl::IsNotFound(MemoryOf(gone).status()));
}

TEST(ProcessSamplerTest, SeesTheMachine) {
  const MachineUse use = UseOfMachine();
  EXPECT_GT(use.total_ticks, use.idle_ticks);
}

}  // namespace
}  // namespace chatter::loadgen
