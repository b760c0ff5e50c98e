#include "storage/testing/process.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "glog/logging.h"

extern char** environ;

namespace chatter::testing {
namespace {

constexpr size_t kMaxOutput = 4 << 20;

struct Identity {
  uid_t user;
  gid_t group;
};

std::optional<Identity> IdentityOf(const std::string& name) {
  if (name.empty() || geteuid() != 0) return std::nullopt;
  const passwd* const entry = getpwnam(name.c_str());
  CHECK(entry != nullptr) << "there is no user " << name;
  return Identity{entry->pw_uid, entry->pw_gid};
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) {
    pointers.push_back(const_cast<char*>(string.c_str()));
  }
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** each = environ; *each != nullptr; ++each) {
    const std::string entry = *each;
    if (added.count(entry.substr(0, entry.find('='))) == 0) environment.push_back(entry);
  }
  for (const auto& [name, value] : added) environment.push_back(name + "=" + value);
  return environment;
}

}  // namespace

std::unique_ptr<Process> Process::Start(const ProcessOptions& options) {
  const std::optional<Identity> identity = IdentityOf(options.run_as);
  const std::vector<char*> arguments = Pointers(options.command);
  const std::vector<std::string> environment = Environment(options.environment);
  const std::vector<char*> environment_pointers = Pointers(environment);
  int ends[2];
  PCHECK(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t parent = getpid();
  const pid_t pid = fork();
  PCHECK(pid >= 0);
  if (pid == 0) {
    // Only what is safe in the child of a process with threads.
    if (identity.has_value() &&
        (setgroups(0, nullptr) != 0 || setgid(identity->group) != 0 ||
         setuid(identity->user) != 0)) {
      _exit(126);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    const int null = open("/dev/null", O_RDWR);
    dup2(null, STDIN_FILENO);
    dup2(null, STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    execvpe(arguments[0], arguments.data(), environment_pointers.data());
    _exit(127);
  }
  close(ends[1]);
  return std::unique_ptr<Process>(new Process(pid, ends[0]));
}

Process::Process(pid_t pid, int stderr_fd)
    : pid_(pid), reader_([this, stderr_fd] { ReadOutput(stderr_fd); }) {}

Process::~Process() {
  if (!exit_code_.has_value()) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  reader_.join();
}

void Process::Signal(int signal) const { PCHECK(kill(pid_, signal) == 0); }

void Process::ReadOutput(int fd) {
  char buffer[4096];
  while (true) {
    const ssize_t count = read(fd, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR) continue;
    absl::MutexLock lock(&mutex_);
    if (count <= 0) {
      output_ended_ = true;
      break;
    }
    output_.append(buffer, static_cast<size_t>(count));
    if (output_.size() > kMaxOutput) {
      const size_t cut = kMaxOutput / 2;
      output_.erase(0, cut);
      looked_through_ -= std::min(looked_through_, cut);
    }
  }
  close(fd);
  CHECK(Output().find("Sanitizer:") == std::string::npos) << Output();
}

std::optional<std::string> Process::WaitForLine(std::string_view marker,
                                                absl::Duration deadline) {
  const absl::Time until = absl::Now() + deadline;
  absl::MutexLock lock(&mutex_);
  while (true) {
    for (size_t end = output_.find('\n', looked_through_); end != std::string::npos;
         end = output_.find('\n', looked_through_)) {
      const std::string line = output_.substr(looked_through_, end - looked_through_);
      looked_through_ = end + 1;
      const size_t found = line.find(marker);
      if (found != std::string::npos) return line.substr(found + marker.size());
    }
    if (output_ended_) return std::nullopt;
    const size_t seen = output_.size();
    const auto more = [this, seen]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return output_.size() != seen || output_ended_;
    };
    if (!mutex_.AwaitWithDeadline(absl::Condition(&more), until)) return std::nullopt;
  }
}

std::optional<int> Process::Wait(absl::Duration deadline) {
  const absl::Time until = absl::Now() + deadline;
  while (!exit_code_.has_value()) {
    int status = 0;
    const pid_t ended = waitpid(pid_, &status, WNOHANG);
    PCHECK(ended >= 0);
    if (ended == pid_) {
      exit_code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    if (absl::Now() >= until) return std::nullopt;
    absl::SleepFor(absl::Milliseconds(5));
  }
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithDeadline(absl::Condition(&output_ended_), until);
  return exit_code_;
}

std::string Process::Output() const {
  absl::MutexLock lock(&mutex_);
  return output_;
}

void RunToEnd(const ProcessOptions& options, absl::Duration deadline) {
  const std::unique_ptr<Process> process = Process::Start(options);
  const std::optional<int> code = process->Wait(deadline);
  CHECK(code == 0) << absl::StrJoin(options.command, " ") << " ended with "
                   << code.value_or(-1) << ":\n"
                   << process->Output();
}

}  // namespace chatter::testing
