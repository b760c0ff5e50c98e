#include "edge/edge_thread.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <asio/ip/tcp.hpp>
#include <asio/post.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;
using ::testing::HasSubstr;

class Client {
 public:
  explicit Client(uint16_t port) {
    socket_.connect({asio::ip::address_v4::loopback(), port});
  }

  // Returns when the edge's kernel has it.
  void Send(const std::string& text) {
    asio::write(socket_, asio::buffer(text));
    int left;
    do {
      PCHECK(ioctl(socket_.native_handle(), SIOCOUTQ, &left) == 0);
    } while (left > 0);
  }
  std::string ReadUntil(const std::string& end) {
    std::string text;
    asio::error_code ignored;
    asio::read(
        socket_, asio::dynamic_buffer(text),
        [&](const asio::error_code&, size_t) {
          return text.find(end) == text.npos ? size_t{1} : size_t{0};
        },
        ignored);
    return text;
  }
  std::string ReadAll() {
    std::string text;
    asio::error_code end;
    asio::read(socket_, asio::dynamic_buffer(text), end);
    return text;
  }

 private:
  asio::io_context io_;
  tcp::socket socket_{io_};
};

// Without a chat service.
class EdgeThreadTest : public ::testing::Test {
 protected:
  EdgeThreadTest() {
    auto loop = std::make_unique<EdgeLoop>(Clock::Real());
    auto listener = Listener::Open(*loop, "127.0.0.1", 0);
    CHECK(listener.ok()) << listener.status();
    port_ = (*listener)->port();
    thread_ = std::make_unique<EdgeThread>(options_, *ParseChatAddress("unix:/nowhere"),
                                           std::move(loop), *std::move(listener), limits_,
                                           metrics_, Clock::Real());
    thread_->Start();
  }
  ~EdgeThreadTest() override { thread_->Stop(); }

  EdgeOptions options_;
  EdgeLimits limits_{options_.limits};
  EdgeThreadMetrics metrics_;
  uint16_t port_ = 0;
  std::unique_ptr<EdgeThread> thread_;
};

TEST_F(EdgeThreadTest, ARequestThatHasComeBeforeAStopIsAnsweredEvenWhenItWasNotRead) {
  const std::string request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
  Client open(port_), idle(port_);
  for (Client* const client : {&open, &idle}) {
    client->Send(request);
    EXPECT_THAT(client->ReadUntil("}]}"), HasSubstr("Connection: keep-alive\r\n"));
  }
  // While the thread has other things to do.
  absl::Notification busy;
  absl::Notification go_on;
  asio::post(thread_->loop().io(), [&] {
    busy.Notify();
    go_on.WaitForNotification();
  });
  busy.WaitForNotification();
  open.Send(request);
  thread_->Stop();
  go_on.Notify();
  const std::string answer = open.ReadAll();
  EXPECT_THAT(answer, HasSubstr("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(idle.ReadAll(), "");
}

}  // namespace
}  // namespace chatter::edge
