#include "storage/postgres/connection.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <utility>

#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/testing/postgres_server.h"

namespace {

// Called once, right before something is sent, by libpq too.
std::function<void()> before_send;

}  // namespace

extern "C" ssize_t send(int socket, const void* bytes, size_t count, int flags) {
  if (before_send != nullptr) std::exchange(before_send, nullptr)();
  return syscall(SYS_sendto, socket, bytes, count, flags, nullptr, 0);
}

namespace chatter::storage::postgres {
namespace {

class ConnectionTest : public ::testing::Test {
 protected:
  ConnectionTest() {
    auto target = ParsePostgresUrl(server_.CreateDatabase());
    CHECK(target.ok()) << target.status();
    target_ = *std::move(target);
    target_.statement_timeout = absl::Seconds(30);
    auto connection = Connection::Open(target_, watchdog_);
    CHECK(connection.ok()) << connection.status();
    connection_ = *std::move(connection);
    CHECK(connection_->Run("SELECT 1").ok());
  }

  void ExpectBroken() {
    const absl::Status status = connection_->Run("SELECT 1").status();
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    EXPECT_TRUE(connection_->broken());
  }

  chatter::testing::PostgresServer server_;
  Watchdog watchdog_;
  PostgresTarget target_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(ConnectionTest, IsBrokenWhenTheServerDiesBetweenTwoStatements) {
  server_.Kill();
  ExpectBroken();
}

TEST_F(ConnectionTest, IsBrokenWhenTheServerDiesRightBeforeAStatementIsSent) {
  // Its last words then come after the failed send, and libpq takes the session for one
  // that goes on.
  before_send = [this] { server_.Kill(); };
  ExpectBroken();
  EXPECT_EQ(before_send, nullptr);
}

}  // namespace
}  // namespace chatter::storage::postgres
