#include "storage/postgres/watchdog.h"

#include <sys/socket.h>
#include <unistd.h>

#include <optional>

#include "absl/time/clock.h"
#include "glog/logging.h"
#include "gtest/gtest.h"

namespace chatter::storage::postgres {
namespace {

// A socket whose peer says nothing.
class QuietSocket {
 public:
  QuietSocket() {
    PCHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends_) == 0);
  }
  ~QuietSocket() {
    close(ends_[0]);
    close(ends_[1]);
  }

  int get() const { return ends_[0]; }
  // Blocks until the socket is shut down.
  ssize_t Read() const {
    char byte;
    return read(ends_[0], &byte, 1);
  }
  bool CanWrite() const { return send(ends_[0], "x", 1, MSG_NOSIGNAL) == 1; }

 private:
  int ends_[2];
};

absl::Time In(absl::Duration duration) { return absl::Now() + duration; }

TEST(WatchdogTest, EndsACallPastItsDeadline) {
  Watchdog watchdog;
  const QuietSocket socket;
  const absl::Time deadline = In(absl::Milliseconds(50));
  const Watchdog::Call call(watchdog, socket.get(), deadline);
  EXPECT_FALSE(call.has_expired());
  EXPECT_EQ(socket.Read(), 0);
  EXPECT_GE(absl::Now(), deadline);
  EXPECT_TRUE(call.has_expired());
}

TEST(WatchdogTest, EndsTheEarlierOfTwoFirst) {
  Watchdog watchdog;
  const QuietSocket late_socket, early_socket;
  const Watchdog::Call late(watchdog, late_socket.get(), In(absl::Hours(1)));
  const Watchdog::Call early(watchdog, early_socket.get(), In(absl::Milliseconds(50)));
  EXPECT_EQ(early_socket.Read(), 0);
  EXPECT_FALSE(late.has_expired());
  EXPECT_TRUE(late_socket.CanWrite());
}

TEST(WatchdogTest, LeavesACallThatHasReturned) {
  Watchdog watchdog;
  const QuietSocket returned_socket, socket;
  std::optional<Watchdog::Call> returned;
  returned.emplace(watchdog, returned_socket.get(), In(absl::Milliseconds(50)));
  returned.reset();
  const Watchdog::Call call(watchdog, socket.get(), In(absl::Milliseconds(100)));
  EXPECT_EQ(socket.Read(), 0);
  EXPECT_TRUE(returned_socket.CanWrite());
}

}  // namespace
}  // namespace chatter::storage::postgres
