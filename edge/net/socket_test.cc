#include "edge/net/socket.h"

#include <asio/buffer.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "services/base/clock.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;

constexpr size_t kBound = 100'000;

// One end is a Socket on a loop that the test turns; the other a plain blocking socket.
class SocketTest : public ::testing::Test, public Socket::Owner {
 protected:
  SocketTest() : loop_(Clock::Real()), peer_(peer_io_) {
    tcp::acceptor acceptor(peer_io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    peer_.connect(acceptor.local_endpoint());
    TcpSocket accepted(loop_.io());
    acceptor.accept(accepted);
    socket_ = std::make_shared<Socket>(settings_, std::move(accepted), *this);
    socket_->Start();
  }
  ~SocketTest() override { socket_->Detach(); }

  void OnBytes(absl::Span<char> bytes) override {
    received_.append(bytes.data(), bytes.size());
  }
  void OnGone() override { gone_ = true; }
  void OnBackedUp() override { ++backed_up_; }
  void OnDrained() override { drained_ = true; }

  // Runs the loop until this holds at the end of a turn.
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

  std::string ReadFromPeer(size_t bytes) {
    std::string text(bytes, '\0');
    asio::read(peer_, asio::buffer(text));
    return text;
  }

  EdgeLoop loop_;
  const SocketSettings settings_{loop_, kBound, nullptr};
  asio::io_context peer_io_;
  tcp::socket peer_;
  std::shared_ptr<Socket> socket_;
  std::string received_;
  bool gone_ = false;
  bool drained_ = false;
  int backed_up_ = 0;
};

TEST_F(SocketTest, HandsOverWhatComes) {
  asio::write(peer_, asio::buffer("hello", 5));
  RunUntil([&] { return received_.size() == 5; });
  EXPECT_EQ(received_, "hello");
  peer_.close();
  RunUntil([&] { return gone_; });
}

TEST_F(SocketTest, SendsAllOfATurnTogether) {
  Do([&] {
    socket_->Send("a");
    socket_->Send("b");
    EXPECT_EQ(socket_->waiting_bytes(), 2u);
  });
  EXPECT_EQ(socket_->waiting_bytes(), 0u);
  EXPECT_EQ(ReadFromPeer(2), "ab");
}

TEST_F(SocketTest, ReadsNothingWhilePaused) {
  socket_->PauseReading();
  asio::write(peer_, asio::buffer("hello", 5));
  Do([] {});
  Do([] {});
  EXPECT_EQ(received_, "");
  socket_->ResumeReading();
  RunUntil([&] { return received_.size() == 5; });
}

TEST_F(SocketTest, TellsOnceThatTooMuchWaitsAlsoWhenThePeerTakesNothingAtAll) {
  // Small ones, until the kernel's buffers are full: then nothing becomes writable any
  // more, with less waiting than may.
  const std::string chunk(kBound / 10, 'x');
  size_t sent = 0;
  while (socket_->waiting_bytes() <= kBound) {
    EXPECT_EQ(backed_up_, 0);
    Do([&] { socket_->Send(chunk); });
    sent += chunk.size();
  }
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(backed_up_, 1);
    Do([&] { socket_->Send(chunk); });
    sent += chunk.size();
  }
  socket_->TellWhenDrained();
  std::thread reader([&] { ReadFromPeer(sent); });
  RunUntil([&] { return drained_; });
  reader.join();
  EXPECT_EQ(socket_->waiting_bytes(), 0u);
}

TEST_F(SocketTest, DropsWholeChunksOnly) {
  const std::string first(8 << 20, '1');
  Do([&] {
    socket_->Send(first);
    socket_->Send("2");
  });
  ASSERT_GT(socket_->waiting_bytes(), 1u);
  Do([&] {
    socket_->DropWaitingChunks();
    socket_->Send("3");
    socket_->CloseAfterSending();
  });
  std::string all;
  std::thread reader([&] {
    asio::error_code error;
    asio::read(peer_, asio::dynamic_buffer(all), error);
  });
  RunUntil([&] { return gone_; });
  reader.join();
  EXPECT_EQ(all, first + "3");
}

}  // namespace
}  // namespace chatter::edge
