#include "edge/link/chat_connection.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;
using asio::local::stream_protocol;

// The test's thread is the loop.
class ChatConnectionTest : public ::testing::Test {
 protected:
  ChatConnectionTest() : socket_(absl::StrCat("/tmp/chatter-conn-", getpid(), ".sock")) {}
  ~ChatConnectionTest() override { unlink(socket_.c_str()); }

  void MakeConnection(const std::string& target) {
    connection_ = std::make_unique<ChatConnection>(io_, *ParseChatAddress(target));
  }
  // Begins to connect; the outcome comes once.
  void Begin() {
    outcome_.reset();
    connection_->Connect([this](const absl::Status& status) {
      EXPECT_FALSE(outcome_.has_value());
      outcome_ = status;
    });
    EXPECT_FALSE(outcome_.has_value());
  }
  absl::Status Outcome() {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!outcome_.has_value() && io_.run_one_until(patience) > 0) {
    }
    return outcome_.value_or(absl::DeadlineExceededError("the test's patience"));
  }
  absl::Status Connect() {
    Begin();
    return Outcome();
  }

  const std::string socket_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::unique_ptr<ChatConnection> connection_;
  std::optional<absl::Status> outcome_;
};

TEST_F(ChatConnectionTest, ConnectsOverAUnixSocket) {
  stream_protocol::acceptor chatd(io_, socket_);
  MakeConnection("unix:" + socket_);
  EXPECT_EQ(connection_->channel(), nullptr);
  EXPECT_EQ(Connect(), absl::OkStatus());
  EXPECT_NE(connection_->channel(), nullptr);
}

TEST_F(ChatConnectionTest, ConnectsToTheAddressOfANameThatAnswers) {
  // Of a name that has an IPv6 address too on most hosts, where nobody listens.
  tcp::acceptor chatd(io_, {asio::ip::address_v4::loopback(), 0});
  MakeConnection(absl::StrCat("localhost:", chatd.local_endpoint().port()));
  EXPECT_EQ(Connect(), absl::OkStatus());
  EXPECT_NE(connection_->channel(), nullptr);
}

TEST_F(ChatConnectionTest, SaysThatNobodyListensAndMayTryAgain) {
  MakeConnection("unix:" + socket_);
  for (int i = 0; i < 2; ++i) {
    const absl::Status nobody = Connect();
    EXPECT_TRUE(absl::IsUnavailable(nobody)) << nobody;
    EXPECT_EQ(connection_->channel(), nullptr);
  }
  stream_protocol::acceptor chatd(io_, socket_);
  EXPECT_EQ(Connect(), absl::OkStatus());
}

TEST_F(ChatConnectionTest, AnAttemptThatIsLetGoEnds) {
  stream_protocol::acceptor chatd(io_, socket_);
  for (const std::string& target : {"unix:" + socket_, std::string("localhost:1")}) {
    MakeConnection(target);
    Begin();
    connection_->Disconnect();
    const absl::Status ended = Outcome();
    EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
    EXPECT_EQ(connection_->channel(), nullptr);
  }
}

TEST_F(ChatConnectionTest, AnAttemptThatIsLetGoWithItsNameLookedUpEndsToo) {
  tcp::acceptor chatd(io_, {asio::ip::address_v4::loopback(), 0});
  const std::string port = absl::StrCat(chatd.local_endpoint().port());
  MakeConnection("localhost:" + port);
  asio::io_context other;
  for (int i = 0; i < 20; ++i) {
    Begin();
    // Takes as long as the look-up on its way, whose result comes to nobody before
    // Outcome.
    tcp::resolver(other).resolve("localhost", port);
    connection_->Disconnect();
    const absl::Status ended = Outcome();
    EXPECT_TRUE(absl::IsUnavailable(ended)) << ended;
    EXPECT_EQ(connection_->channel(), nullptr);
    connection_->Disconnect();
  }
  EXPECT_EQ(Connect(), absl::OkStatus());
}

TEST_F(ChatConnectionTest, TheLoopGoesOnWhileCertificatesAreRead) {
  tcp::acceptor chatd(io_, {asio::ip::address_v4::loopback(), 0});
  const testing::CertificateAuthority authority("authority");
  const TlsFiles files = testing::WriteTlsFiles(
      ::testing::TempDir(), "chat_connection_test", authority.Issue("edge"), authority);
  connection_ = std::make_unique<ChatConnection>(
      io_, *ParseChatAddress(absl::StrCat("127.0.0.1:", chatd.local_endpoint().port()),
                             files));
  // A file that does not open before somebody writes to it.
  ASSERT_EQ(unlink(files.certificate.c_str()), 0);
  ASSERT_EQ(mkfifo(files.certificate.c_str(), 0600), 0);
  Begin();
  // Fails until somebody reads.
  const auto open_writer = [&] {
    return open(files.certificate.c_str(), O_WRONLY | O_NONBLOCK);
  };
  int writer = -1;
  while ((writer = open_writer()) < 0) io_.run_for(std::chrono::milliseconds(1));
  bool went_on = false;
  asio::post(io_, [&] { went_on = true; });
  io_.poll();
  EXPECT_TRUE(went_on);
  EXPECT_FALSE(outcome_.has_value());
  connection_->Disconnect();
  while (!outcome_.has_value()) {
    if (writer >= 0) close(writer);
    io_.run_for(std::chrono::milliseconds(1));
    writer = open_writer();  // it may be read more than once
  }
  EXPECT_TRUE(absl::IsUnavailable(*outcome_)) << *outcome_;
  EXPECT_EQ(connection_->channel(), nullptr);
}

TEST_F(ChatConnectionTest, TheChatServiceSeesThatItIsLetGo) {
  stream_protocol::acceptor chatd(io_, socket_);
  MakeConnection("unix:" + socket_);
  for (int i = 0; i < 2; ++i) {
    ASSERT_EQ(Connect(), absl::OkStatus());
    stream_protocol::socket peer = chatd.accept();
    connection_->Disconnect();
    EXPECT_EQ(connection_->channel(), nullptr);
    // What gRPC says at the start, and the end.
    asio::error_code end;
    char bytes[1024];
    while (!end) peer.read_some(asio::buffer(bytes), end);
    EXPECT_EQ(end, asio::error::eof);
  }
}

}  // namespace
}  // namespace chatter::edge
