// What it does to a process it does for good, so each test has a process of its own.
#include "services/base/lifecycle.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <thread>

#include "glog/logging.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

using ::testing::ExitedWithCode;

// Instead of hanging.
void EndWithinTwentySeconds() { alarm(20); }

void SendToThisProcess(int signal) { kill(getpid(), signal); }

TEST(StopSignalDeathTest, ASignalThatCameBeforeTheWaitEndsTheWait) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          EndWithinTwentySeconds();
          StopSignal stop;
          SendToThisProcess(signal);
          Announce("held back");
          stop.Wait();
          _exit(7);
        },
        ExitedWithCode(7), "held back");
  }
}

TEST(StopSignalDeathTest, ASignalEndsTheWaitAndNoOtherThread) {
  EXPECT_EXIT(
      {
        EndWithinTwentySeconds();
        StopSignal stop;
        std::thread thread([] {
          SendToThisProcess(SIGTERM);
          // To this thread, which would die of it with the process if it could.
          raise(SIGINT);
        });
        thread.join();
        stop.Wait();
        _exit(7);
      },
      ExitedWithCode(7), "");
}

TEST(StopSignalDeathTest, ASecondSignalEndsTheProcessAtOnce) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EXIT(
        {
          EndWithinTwentySeconds();
          StopSignal stop;
          SendToThisProcess(SIGTERM);
          stop.Wait();
          Announce("stopping takes long");
          SendToThisProcess(signal);
          while (true) pause();
        },
        ExitedWithCode(130), "stopping takes long");
  }
}

// Ends the process when something is logged.
struct NobodyLogs : google::LogSink {
  NobodyLogs() { google::AddLogSink(this); }
  ~NobodyLogs() override { google::RemoveLogSink(this); }
  using google::LogSink::send;
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char*, size_t) override {
    _exit(8);
  }
};

TEST(StopSignalDeathTest, SignalsAfterAStopAreNotLoggedAsTheLogMayHaveGone) {
  EXPECT_EXIT(
      {
        EndWithinTwentySeconds();
        StopSignal stop;
        SendToThisProcess(SIGTERM);
        stop.Wait();
        const NobodyLogs nobody_logs;
        SendToThisProcess(SIGHUP);
        SendToThisProcess(SIGTERM);
        while (true) pause();
      },
      ExitedWithCode(130), "");
}

TEST(StopSignalDeathTest, AHangupReloadsAndEndsNothing) {
  EXPECT_EXIT(
      {
        EndWithinTwentySeconds();
        StopSignal stop;
        SendToThisProcess(SIGHUP);
        int reloads = 0;
        stop.Wait([&reloads] {
          Announce("reloaded");
          SendToThisProcess(++reloads == 1 ? SIGHUP : SIGTERM);
        });
        // Nor now.
        SendToThisProcess(SIGHUP);
        _exit(reloads);
      },
      ExitedWithCode(2), "reloaded\n.*\nreloaded\n");
}

void WriteToAPeerThatIsGone() {
  InitProcess("lifecycle_test");
  int ends[2];
  PCHECK(pipe(ends) == 0);
  close(ends[0]);
  PCHECK(write(ends[1], "x", 1) == -1 && errno == EPIPE);
  _exit(7);
}

TEST(InitProcessDeathTest, APeerThatIsGoneIsAnErrorOfOneWrite) {
  EXPECT_EXIT(WriteToAPeerThatIsGone(), ExitedWithCode(7), "");
}

void RaiseTheDescriptorLimit() {
  rlimit low;
  PCHECK(getrlimit(RLIMIT_NOFILE, &low) == 0);
  low.rlim_cur = 64;
  PCHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
  InitProcess("lifecycle_test");
  rlimit now;
  PCHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
  CHECK_EQ(now.rlim_cur, low.rlim_max);
  _exit(7);
}

TEST(InitProcessDeathTest, TheProcessMayOpenAsManyDescriptorsAsTheHardLimitAllows) {
  EXPECT_EXIT(RaiseTheDescriptorLimit(), ExitedWithCode(7), "");
}

void LogALine() {
  InitProcess("lifecycle_test");
  LOG(INFO) << "to be seen";
  _exit(7);
}

TEST(InitProcessDeathTest, LogsToStderr) {
  EXPECT_EXIT(LogALine(), ExitedWithCode(7), "^I[^\n]*to be seen\n$");
}

TEST(AnnounceTest, WritesALineInOnePiece) {
  int ends[2];  // where each write is a packet
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const int stderr_before = dup(STDERR_FILENO);
  ASSERT_EQ(dup2(ends[1], STDERR_FILENO), STDERR_FILENO);
  Announce("listening on 127.0.0.1:80");
  ASSERT_EQ(dup2(stderr_before, STDERR_FILENO), STDERR_FILENO);
  std::string packet(100, '\0');
  const ssize_t size = recv(ends[0], packet.data(), packet.size(), MSG_DONTWAIT);
  ASSERT_GT(size, 0);
  EXPECT_EQ(packet.substr(0, static_cast<size_t>(size)), "listening on 127.0.0.1:80\n");
  for (const int descriptor : {ends[0], ends[1], stderr_before}) close(descriptor);
}

}  // namespace
}  // namespace chatter
