#include "edge/link/tls_tunnel.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <thread>

#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"
#include "services/base/tls.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;
using ::testing::HasSubstr;

constexpr char kFirstBytes[] = "how a server begins";

// The tunnel is on the test's thread, which is its loop; the peer, OpenSSL's, blocks on
// threads of the test.
class TlsTunnelTest : public ::testing::Test {
 protected:
  TlsTunnelTest() : peer_socket_(peer_io_) {
    signal(SIGPIPE, SIG_IGN);
    const TlsFiles files = testing::WriteTlsFiles(::testing::TempDir(), "tls_tunnel_test",
                                                  ca_.Issue("peer"), ca_);
    client_ = Made(MakeTlsContext(TLS_client_method(), files));
    server_ = Made(MakeTlsContext(TLS_server_method(), files));
  }
  ~TlsTunnelTest() override {
    if (descriptor_ >= 0) close(descriptor_);
    SSL_free(peer_);
  }

  static std::shared_ptr<SSL_CTX> Made(absl::StatusOr<std::shared_ptr<SSL_CTX>> context) {
    CHECK(context.ok()) << context.status();
    return *std::move(context);
  }

  absl::Status Connect(const std::string& name) {
    tcp::acceptor acceptor(peer_io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    TlsTunnel::Socket outer(io_);
    outer.connect(acceptor.local_endpoint());
    outer.non_blocking(true);
    acceptor.accept(peer_socket_);
    const timeval patience{20, 0};
    setsockopt(peer_socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    peer_ = SSL_new(server_.get());
    SSL_set_fd(peer_, peer_socket_.native_handle());
    tunnel_ = std::make_shared<TlsTunnel>(io_, client_.get(), name, std::move(outer));
    absl::Status outcome = absl::UnknownError("it does not end");
    std::thread peer([&] {
      if (SSL_accept(peer_) == 1) WritePeer(kFirstBytes);
    });
    tunnel_->Handshake([&](const absl::Status& status) {
      outcome = status;
      if (!status.ok()) tunnel_->Close();
      io_.stop();
    });
    Turn();
    peer.join();
    return outcome;
  }
  void Open() {
    ASSERT_EQ(Connect("localhost"), absl::OkStatus());
    const absl::StatusOr<int> descriptor = tunnel_->Open();
    ASSERT_TRUE(descriptor.ok());
    descriptor_ = *descriptor;
    alive_ = tunnel_;
    tunnel_ = nullptr;  // it lives by itself
    ASSERT_EQ(ReadDescriptor(sizeof(kFirstBytes) - 1), kFirstBytes);
  }
  // Until somebody stops the loop.
  void Turn() {
    io_.run_for(std::chrono::seconds(20));
    io_.restart();
  }
  template <typename Work>
  auto Beside(Work work) {
    decltype(work()) result{};
    std::thread thread([&] {
      result = work();
      asio::post(io_, [&] { io_.stop(); });
    });
    Turn();
    thread.join();
    return result;
  }
  // Turns the loop until it has nothing to do for a while.
  void TurnUntilIdle() {
    while (io_.run_for(std::chrono::milliseconds(100)) > 0) {
    }
    io_.restart();
  }

  std::string ReadDescriptor(size_t size) {
    std::string text;
    char buffer[4096];
    while (text.size() < size) {
      pollfd ready{descriptor_, POLLIN, 0};
      if (poll(&ready, 1, 20'000) != 1) break;
      const ssize_t bytes = read(descriptor_, buffer, sizeof(buffer));
      if (bytes <= 0) break;
      text.append(buffer, static_cast<size_t>(bytes));
    }
    return text;
  }
  bool WriteDescriptor(const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      pollfd ready{descriptor_, POLLOUT, 0};
      if (poll(&ready, 1, 20'000) != 1) return false;
      const ssize_t bytes = write(descriptor_, text.data() + sent, text.size() - sent);
      if (bytes < 0 && errno != EAGAIN) return false;
      if (bytes > 0) sent += static_cast<size_t>(bytes);
    }
    return true;
  }
  // As long as the peer reads nothing; returns how much that was.
  size_t WriteUntilStuck() {
    const std::string chunk(64 << 10, 'x');
    size_t taken = 0;
    while (taken < size_t{64} << 20) {  // what kernels hold is less
      const ssize_t bytes = write(descriptor_, chunk.data(), chunk.size());
      if (bytes > 0) taken += static_cast<size_t>(bytes);
      if (bytes > 0) continue;
      TurnUntilIdle();
      pollfd ready{descriptor_, POLLOUT, 0};
      if (poll(&ready, 1, 0) == 0) return taken;
    }
    ADD_FAILURE() << "it takes everything";
    return taken;
  }
  std::string ReadPeer(size_t size) {
    std::string text;
    char buffer[4096];
    size_t bytes;
    while (text.size() < size &&
           SSL_read_ex(peer_, buffer, sizeof(buffer), &bytes) == 1) {
      text.append(buffer, bytes);
    }
    return text;
  }
  bool WritePeer(const std::string& text) {
    for (size_t sent = 0; sent < text.size();) {
      size_t bytes;
      if (SSL_write_ex(peer_, text.data() + sent, text.size() - sent, &bytes) != 1) {
        return false;
      }
      sent += bytes;
    }
    return true;
  }

  const testing::CertificateAuthority ca_{"ca"};
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  asio::io_context peer_io_;
  tcp::socket peer_socket_;
  std::shared_ptr<SSL_CTX> client_;
  std::shared_ptr<SSL_CTX> server_;
  SSL* peer_ = nullptr;
  std::shared_ptr<TlsTunnel> tunnel_;
  std::weak_ptr<TlsTunnel> alive_;
  int descriptor_ = -1;
};

TEST_F(TlsTunnelTest, ChecksWhomItTalksTo) {
  for (const std::string name : {"localhost", "127.0.0.1"}) {
    EXPECT_EQ(Connect(name), absl::OkStatus()) << name;
    SSL_free(std::exchange(peer_, nullptr));
    peer_socket_.close();
  }
  const absl::Status wrong = Connect("127.0.0.2");
  EXPECT_TRUE(absl::IsUnavailable(wrong)) << wrong;
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("TLS: IP address mismatch"));
}

TEST_F(TlsTunnelTest, IsToldThatThePeerDoesNotTakeTheCertificate) {
  // Which TLS 1.3 says when the client's handshake has been done.
  const testing::CertificateAuthority another("another");
  client_ =
      Made(MakeTlsContext(TLS_client_method(),
                          testing::WriteTlsFiles(::testing::TempDir(), "tls_tunnel_other",
                                                 another.Issue("edge"), ca_)));
  const absl::Status refused = Connect("localhost");
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("does not take our certificate: tlsv1 alert unknown ca"));
}

TEST_F(TlsTunnelTest, AHandshakeThatIsClosedEnds) {
  tcp::acceptor silent(peer_io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  TlsTunnel::Socket outer(io_);
  outer.connect(silent.local_endpoint());
  outer.non_blocking(true);
  tunnel_ =
      std::make_shared<TlsTunnel>(io_, client_.get(), "localhost", std::move(outer));
  std::optional<absl::Status> outcome;
  tunnel_->Handshake([&](const absl::Status& status) { outcome = status; });
  TurnUntilIdle();
  EXPECT_FALSE(outcome.has_value());
  tunnel_->Close();
  TurnUntilIdle();
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsUnavailable(*outcome)) << *outcome;
}

TEST_F(TlsTunnelTest, CarriesMuchBothWaysAtOnce) {
  Open();
  const std::string much(16 << 20, 'x');
  std::thread writer([&] { EXPECT_TRUE(WriteDescriptor(much)); });
  std::thread peer_writer([&] {
    // OpenSSL's end is for one thread at a time.
    EXPECT_EQ(ReadPeer(much.size()).size(), much.size());
    EXPECT_TRUE(WritePeer(much));
  });
  EXPECT_EQ(Beside([&] { return ReadDescriptor(much.size()); }), much);
  writer.join();
  peer_writer.join();
}

TEST_F(TlsTunnelTest, ReadsOnlyWhatTheOtherSideTakes) {
  Open();
  const size_t taken = WriteUntilStuck();
  // Now the peer reads, and all of it comes.
  EXPECT_EQ(Beside([&] { return ReadPeer(taken).size(); }), taken);
  EXPECT_TRUE(WriteDescriptor("on"));
  EXPECT_EQ(Beside([&] { return ReadPeer(2); }), "on");
}

TEST_F(TlsTunnelTest, TheEndOfOneSideIsTheEndOfTheOther) {
  Open();
  ASSERT_TRUE(WriteDescriptor("last words"));
  close(std::exchange(descriptor_, -1));
  EXPECT_EQ(Beside([&] { return ReadPeer(100); }), "last words");
  EXPECT_NE(SSL_get_shutdown(peer_) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsTunnelTest, TheEndOfTheDescriptorIsSeenWhileThePeerTakesNothing) {
  Open();
  WriteUntilStuck();
  close(std::exchange(descriptor_, -1));
  TurnUntilIdle();
  EXPECT_TRUE(alive_.expired());
}

TEST_F(TlsTunnelTest, TheEndOfThePeerIsTheEndOfTheDescriptor) {
  Open();
  ASSERT_TRUE(WritePeer("last words"));
  peer_socket_.close();
  EXPECT_EQ(Beside([&] { return ReadDescriptor(100); }), "last words");
}

}  // namespace
}  // namespace chatter::edge
