#include <openssl/ssl.h>
#include <signal.h>
#include <sys/socket.h>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "edge/net/socket.h"
#include "edge/net/tls_server.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"
#include "services/base/testing/certificates.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;
using ::testing::HasSubstr;

constexpr size_t kBound = 100'000;

// One end is a Socket on a loop that the test turns; the other a client of OpenSSL's, on
// a blocking socket and threads of the test.
class TlsSocketTest : public ::testing::Test, public Socket::Owner {
 protected:
  TlsSocketTest() : loop_(Clock::Real()), peer_(peer_io_) {
    signal(SIGPIPE, SIG_IGN);
    UseCertificateFor("DNS:localhost");
    client_context_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  }
  ~TlsSocketTest() override {
    if (socket_ != nullptr) socket_->Detach();
    SSL_free(client_);
  }

  void UseCertificateFor(const std::string& names) {
    const testing::CertificateAuthority ca("ca");
    TlsFiles files = testing::WriteTlsFiles(::testing::TempDir(), "tls_socket_test",
                                            ca.Issue("edge", names), ca);
    files.ca = "";
    auto context = MakeTlsServerContext(files);
    CHECK(context.ok()) << context.status();
    settings_.tls = *std::move(context);
  }

  // TCP; the handshake has not begun.
  void Open() {
    tcp::acceptor acceptor(peer_io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    const int small = 8 << 10;
    peer_.open(tcp::v4());
    setsockopt(peer_.native_handle(), SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    peer_.connect(acceptor.local_endpoint());
    // Against a defect that would make the test wait for ever.
    const timeval patience{20, 0};
    setsockopt(peer_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    TcpSocket accepted(loop_.io());
    acceptor.accept(accepted);
    setsockopt(accepted.native_handle(), SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    socket_ = std::make_shared<Socket>(settings_, std::move(accepted), *this);
    socket_->Start();
  }

  void OnBytes(absl::Span<char> bytes) override {
    received_.append(bytes.data(), bytes.size());
    if (pause_after_bytes_) socket_->PauseReading();
  }
  void OnGone() override { gone_ = true; }
  void OnBackedUp() override { ++backed_up_; }
  void OnDrained() override { drained_ = true; }

  void RunUntil(const std::function<bool()>& done) {
    loop_.Run(
        [&] {
          if (done()) loop_.Stop();
        },
        [] {});
    loop_.io().restart();
  }
  // In a turn of its own.
  void Do(const std::function<void()>& work) {
    bool done = false;
    asio::post(loop_.io(), [&] {
      work();
      done = true;
    });
    RunUntil([&] { return done; });
  }
  // What the client does, while the loop turns.
  template <typename Work>
  auto OnClient(Work work) {
    decltype(work()) result{};
    std::thread client([&] {
      result = work();
      asio::post(loop_.io(), [&] { loop_.Stop(); });
    });
    loop_.Run([] {}, [] {});
    loop_.io().restart();
    client.join();
    return result;
  }

  bool Connect() {
    if (socket_ == nullptr) Open();
    client_ = SSL_new(client_context_.get());
    SSL_set_fd(client_, peer_.native_handle());
    return OnClient([&] { return SSL_connect(client_) == 1; });
  }
  bool Write(const std::string& text) {
    size_t written;
    return SSL_write_ex(client_, text.data(), text.size(), &written) == 1;
  }
  // Until there are so many, or the end.
  std::string Read(size_t size) {
    std::string text;
    char buffer[4096];
    size_t bytes;
    while (text.size() < size &&
           SSL_read_ex(client_, buffer, sizeof(buffer), &bytes) == 1) {
      text.append(buffer, bytes);
    }
    return text;
  }

  EdgeLoop loop_;
  SocketSettings settings_{loop_, kBound, nullptr};
  asio::io_context peer_io_;
  tcp::socket peer_;
  std::shared_ptr<SSL_CTX> client_context_;
  SSL* client_ = nullptr;
  std::shared_ptr<Socket> socket_;
  std::string received_;
  bool pause_after_bytes_ = false;
  bool gone_ = false;
  bool drained_ = false;
  int backed_up_ = 0;
};

TEST_F(TlsSocketTest, HandsOverWhatComesAndSendsAllOfATurnTogether) {
  ASSERT_TRUE(Connect());
  Write("hello");
  RunUntil([&] { return received_.size() == 5; });
  EXPECT_EQ(received_, "hello");
  Do([&] {
    socket_->Send("a");
    socket_->Send("b");
    EXPECT_EQ(socket_->waiting_bytes(), 2u);
  });
  EXPECT_EQ(socket_->waiting_bytes(), 0u);
  char buffer[10];
  EXPECT_EQ(SSL_read(client_, buffer, sizeof(buffer)), 2);  // one record
}

TEST_F(TlsSocketTest, SpeaksModernTlsOnly) {
  SSL_CTX_set_security_level(client_context_.get(), 0);
  SSL_CTX_set_min_proto_version(client_context_.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_1_VERSION);
  EXPECT_FALSE(Connect());
  EXPECT_TRUE(gone_);
}

TEST_F(TlsSocketTest, RefusesCiphersWithoutAuthenticatedEncryption) {
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_2_VERSION);
  ASSERT_EQ(SSL_CTX_set_cipher_list(client_context_.get(), "ECDHE-ECDSA-AES128-SHA256"),
            1);
  EXPECT_FALSE(Connect());
  EXPECT_TRUE(gone_);
}

TEST_F(TlsSocketTest, SpeaksTls12WithTheRightCiphers) {
  SSL_CTX_set_max_proto_version(client_context_.get(), TLS1_2_VERSION);
  ASSERT_TRUE(Connect());
  EXPECT_STREQ(SSL_get_version(client_), "TLSv1.2");
  EXPECT_THAT(SSL_get_cipher(client_), HasSubstr("ECDHE"));
  EXPECT_EQ(SSL_CIPHER_is_aead(SSL_get_current_cipher(client_)), 1);
  // No renegotiation: the handshake that the client asks for does not come.
  EXPECT_EQ(SSL_renegotiate(client_), 1);
  EXPECT_FALSE(OnClient([&] { return SSL_do_handshake(client_) == 1; }));
}

TEST_F(TlsSocketTest, ChoosesHttp11) {
  const unsigned char both[] = "\x02h2\x08http/1.1";
  SSL_CTX_set_alpn_protos(client_context_.get(), both, sizeof(both) - 1);
  ASSERT_TRUE(Connect());
  const unsigned char* chosen;
  unsigned int size;
  SSL_get0_alpn_selected(client_, &chosen, &size);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(chosen), size), "http/1.1");
}

TEST_F(TlsSocketTest, RefusesAClientOfAnotherProtocol) {
  const unsigned char other[] = "\x02h2";
  SSL_CTX_set_alpn_protos(client_context_.get(), other, sizeof(other) - 1);
  EXPECT_FALSE(Connect());
  EXPECT_TRUE(gone_);
}

TEST_F(TlsSocketTest, LargeOnesGoBothWaysAtOnce) {
  ASSERT_TRUE(Connect());
  const std::string large(4 << 20, 'x');
  asio::post(loop_.io(), [&] { socket_->Send(large); });
  const size_t read = OnClient([&] {
    // The socket's kernel buffers are small: it is in the middle of its own bytes.
    EXPECT_TRUE(Write(large));
    return Read(large.size()).size();
  });
  EXPECT_EQ(read, large.size());
  RunUntil([&] { return received_.size() == large.size(); });
}

TEST_F(TlsSocketTest, WhatHasBeenReadButNotHandedOverComesAfterAPause) {
  ASSERT_TRUE(Connect());
  pause_after_bytes_ = true;
  // Records do not end where the loop's buffer does: the last bytes are in TLS's own
  // buffer when the kernel has none any more.
  const std::string large(3 * EdgeLoop::kReadBufferBytes, 'x');
  asio::post(loop_.io(), [&] { socket_->PauseReading(); });
  OnClient([&] { return Write("odd") && Write(large); });
  Do([] {});
  const size_t before = received_.size();
  EXPECT_LT(before, large.size());
  while (received_.size() < large.size() + 3) {
    const size_t until_now = received_.size();
    socket_->ResumeReading();
    RunUntil([&] { return received_.size() > until_now; });
    EXPECT_LE(received_.size() - until_now, EdgeLoop::kReadBufferBytes);
  }
}

TEST_F(TlsSocketTest, TellsOnceThatTooMuchWaitsAndWhenItIsDrained) {
  ASSERT_TRUE(Connect());
  const std::string chunk(kBound / 10, 'x');
  size_t sent = 0;
  while (socket_->waiting_bytes() <= kBound) {
    EXPECT_EQ(backed_up_, 0);
    Do([&] { socket_->Send(chunk); });
    sent += chunk.size();
  }
  Do([&] { socket_->Send(chunk); });
  sent += chunk.size();
  EXPECT_EQ(backed_up_, 1);
  socket_->TellWhenDrained();
  EXPECT_EQ(OnClient([&] { return Read(sent).size(); }), sent);
  RunUntil([&] { return drained_; });
  EXPECT_EQ(socket_->waiting_bytes(), 0u);
}

TEST_F(TlsSocketTest, DropsWholeChunksButNoneThatIsEncrypted) {
  ASSERT_TRUE(Connect());
  std::string sent;
  // Many chunks in a record, of which the last one that is begun is somewhere within.
  Do([&] {
    for (int i = 0; socket_->waiting_bytes() < (8 << 20); ++i) {
      const std::string chunk =
          "<" + std::string(1000, static_cast<char>('a' + i % 26)) + ">";
      sent += chunk;
      socket_->Send(chunk);
    }
  });
  ASSERT_GT(socket_->waiting_bytes(), 0u);
  Do([&] {
    socket_->DropWaitingChunks();
    EXPECT_GT(socket_->waiting_bytes(), 0u);
    EXPECT_LE(socket_->waiting_bytes(), size_t{32} << 10);
    socket_->Send("3");
    socket_->CloseAfterSending();
  });
  const std::string all = OnClient([&] { return Read(sent.size()); });
  ASSERT_GT(all.size(), 2u);
  EXPECT_EQ(all.back(), '3');
  EXPECT_EQ(all[all.size() - 2], '>');
  EXPECT_EQ(all.substr(0, all.size() - 1), sent.substr(0, all.size() - 1));
  EXPECT_TRUE(gone_);
  // It has said that nothing more comes.
  EXPECT_NE(SSL_get_shutdown(client_) & SSL_RECEIVED_SHUTDOWN, 0);
}

TEST_F(TlsSocketTest, AClientMayLeaveWithoutAWord) {
  ASSERT_TRUE(Connect());
  Write("hello");
  peer_.close();
  RunUntil([&] { return gone_; });
  EXPECT_EQ(received_, "hello");
}

TEST_F(TlsSocketTest, AClientMayLeaveWithAWord) {
  ASSERT_TRUE(Connect());
  Write("hello");
  SSL_shutdown(client_);
  RunUntil([&] { return gone_; });
  EXPECT_EQ(received_, "hello");
}

TEST_F(TlsSocketTest, ATamperedRecordEndsTheConnection) {
  ASSERT_TRUE(Connect());
  asio::write(peer_,
              asio::buffer("\x17\x03\x03\x00\x20 no such bytes were ever encrypted", 37));
  RunUntil([&] { return gone_; });
  EXPECT_EQ(received_, "");
}

TEST_F(TlsSocketTest, PlainHttpIsToldSo) {
  Open();
  const std::string answer = OnClient([&] {
    asio::write(peer_, asio::buffer("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 27));
    std::string text;
    asio::error_code end;
    asio::read(peer_, asio::dynamic_buffer(text), end);
    return text;
  });
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nThis port is for https only.\n"));
  EXPECT_TRUE(gone_);
}

TEST_F(TlsSocketTest, AHandshakeThatIsNotDoneHasNothingToWaitFor) {
  Open();
  asio::write(peer_, asio::buffer("\x16\x03\x01", 3));
  Do([] {});
  EXPECT_FALSE(gone_);
  Do([&] {
    socket_->Send("an answer that nobody could read");
    socket_->CloseAfterSending();
  });
  EXPECT_TRUE(gone_);
}

TEST_F(TlsSocketTest, AHandshakeThatTheKernelDoesNotTakeWholeGoesOn) {
  std::string names = "DNS:localhost";
  for (int i = 0; i < 4000; ++i) names += ",DNS:" + std::to_string(i) + ".example";
  UseCertificateFor(names);
  Open();
  socket_->Send("as soon as it can be");
  ASSERT_TRUE(Connect());
  EXPECT_EQ(OnClient([&] { return Read(20); }), "as soon as it can be");
}

TEST_F(TlsSocketTest, AnIdleConnectionReadsKeyUpdatesAndWritesGoOn) {
  ASSERT_TRUE(Connect());
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(SSL_key_update(client_, SSL_KEY_UPDATE_REQUESTED), 1);
    Write("x");
  }
  RunUntil([&] { return received_.size() == 100; });
  Do([&] { socket_->Send("still here"); });
  EXPECT_EQ(OnClient([&] { return Read(10); }), "still here");
}

}  // namespace
}  // namespace chatter::edge
