#include "services/base/lifecycle.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <thread>

#include "absl/synchronization/mutex.h"
#include "glog/logging.h"

namespace chatter {
namespace {

sigset_t AwaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  return signals;
}

int AwaitSignal() {
  const sigset_t signals = AwaitedSignals();
  int signal;
  CHECK_EQ(sigwait(&signals, &signal), 0);
  return signal;
}

void RaiseDescriptorLimit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
    PLOG(WARNING) << "could not raise the limit on open descriptors";
  }
}

}  // namespace

void InitProcess(const char* program) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(program);
  signal(SIGPIPE, SIG_IGN);
  RaiseDescriptorLimit();
  // Debian's Abseil is built for debugging: it would look every lock that is taken,
  // gRPC's too, up in a graph of them all. Tests leave that on.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

StopSignal::StopSignal() {
  const sigset_t signals = AwaitedSignals();
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, nullptr), 0);
}

void StopSignal::Wait(const std::function<void()>& reload) {
  while (true) {
    const int signal = AwaitSignal();
    LOG(INFO) << "got " << strsignal(signal);
    if (signal != SIGHUP) break;
    reload();
  }
  // It lives on while main returns, and logs nothing, as the log goes then.
  std::thread([] {
    while (AwaitSignal() == SIGHUP) {
    }
    _exit(130);
  }).detach();
}

void Announce(const std::string& text) {
  const std::string line = text + "\n";
  if (write(STDERR_FILENO, line.data(), line.size()) < 0) {
    PLOG(WARNING) << "could not write to stderr";
  }
}

}  // namespace chatter
