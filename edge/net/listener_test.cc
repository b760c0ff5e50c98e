#include "edge/net/listener.h"

#include <sys/resource.h>
#include <unistd.h>

#include <asio/post.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"

namespace chatter::edge {
namespace {

using asio::ip::tcp;
using ::testing::HasSubstr;

constexpr char kHost[] = "127.0.0.1";
constexpr std::chrono::milliseconds kLongerThanTheBackoff{150};

// While it lives, no descriptor is free. The undefined behaviour sanitizer needs some to
// check the type of an executor that may be any: what runs meanwhile has the loop's.
class NoFreeDescriptors {
 public:
  NoFreeDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const int lowest_free = dup(STDERR_FILENO);
    close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoFreeDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

// The test's thread is the loop.
class ListenerTest : public ::testing::Test {
 protected:
  std::unique_ptr<Listener> Open(uint16_t port = 0) {
    auto listener = Listener::Open(loop_, kHost, port);
    EXPECT_TRUE(listener.ok()) << listener.status();
    return listener.ok() ? *std::move(listener) : nullptr;
  }
  static Listener::Accepted Into(std::vector<TcpSocket>& accepted) {
    return [&accepted](TcpSocket socket) { accepted.push_back(std::move(socket)); };
  }

  // Waits in the listener's queue until the loop turns.
  asio::error_code Connect(uint16_t port) {
    asio::error_code error;
    clients_.emplace_back(loop_.io());
    clients_.back().connect({asio::ip::make_address(kHost), port}, error);
    return error;
  }
  void RunUntil(const std::function<bool()>& done) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) ASSERT_EQ(loop_.io().run_one_until(patience), 1u);
  }

  EdgeLoop loop_{Clock::Real()};
  std::vector<tcp::socket> clients_;
};

TEST_F(ListenerTest, HandsOverEveryConnection) {
  const auto listener = Open();
  std::vector<TcpSocket> accepted;
  listener->Start(Into(accepted));
  std::multiset<tcp::endpoint> there, here;
  for (int i = 0; i < 3; ++i) {
    ASSERT_FALSE(Connect(listener->port()));
    there.insert(clients_.back().local_endpoint());
  }
  RunUntil([&] { return accepted.size() == 3; });
  for (const TcpSocket& socket : accepted) here.insert(socket.remote_endpoint());
  EXPECT_EQ(here, there);
}

TEST_F(ListenerTest, SeveralShareAPort) {
  const auto one = Open();
  const auto other = Open(one->port());
  EXPECT_EQ(other->port(), one->port());
  std::vector<TcpSocket> of_one, of_other;
  one->Start(Into(of_one));
  other->Start(Into(of_other));
  constexpr size_t kClients = 64;
  for (size_t i = 0; i < kClients; ++i) ASSERT_FALSE(Connect(one->port()));
  RunUntil([&] { return of_one.size() + of_other.size() == kClients; });
  EXPECT_GT(of_one.size(), 0u);
  EXPECT_GT(of_other.size(), 0u);
}

TEST_F(ListenerTest, APortIsFreeWhenNobodyListens) {
  auto listener = Open();
  const uint16_t port = listener->port();
  // Even though a second listener of ours could share it.
  const absl::Status taken = Listener::CheckFree(loop_, kHost, port);
  EXPECT_TRUE(absl::IsUnavailable(taken)) << taken;
  EXPECT_THAT(std::string(taken.message()), HasSubstr(absl::StrCat(kHost, ":", port)));
  listener.reset();
  const absl::Status free = Listener::CheckFree(loop_, kHost, port);
  EXPECT_TRUE(free.ok()) << free;
}

TEST_F(ListenerTest, APortOfSomebodyWhoDoesNotShareIsTaken) {
  const tcp::acceptor other(loop_.io(), {asio::ip::make_address(kHost), 0});
  const uint16_t port = other.local_endpoint().port();
  const absl::Status taken = Listener::Open(loop_, kHost, port).status();
  EXPECT_TRUE(absl::IsUnavailable(taken)) << taken;
  EXPECT_THAT(std::string(taken.message()), HasSubstr(absl::StrCat(kHost, ":", port)));
  EXPECT_TRUE(absl::IsUnavailable(Listener::CheckFree(loop_, kHost, port)));
}

TEST_F(ListenerTest, AHostIsAnAddress) {
  for (const std::string host : {"", "localhost", "127.0.0.1:80", "300.0.0.1"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(Listener::Open(loop_, host, 0).status())) << host;
    EXPECT_TRUE(absl::IsInvalidArgument(Listener::CheckFree(loop_, host, 0))) << host;
  }
}

TEST_F(ListenerTest, AfterAStopNobodyComesIn) {
  const auto listener = Open();
  std::vector<TcpSocket> accepted;
  listener->Start(Into(accepted));
  ASSERT_FALSE(Connect(listener->port()));
  listener->Stop();
  loop_.io().poll();
  EXPECT_EQ(accepted.size(), 0u);
  EXPECT_EQ(Connect(listener->port()), asio::error::connection_refused);
}

TEST_F(ListenerTest, AStopAlsoKeepsOutWhoWasAcceptedInTheSameTurn) {
  const auto listener = Open();
  std::vector<TcpSocket> accepted;
  // The third one has been accepted when the stop's turn comes, but not handed over.
  listener->Start([&](TcpSocket socket) {
    accepted.push_back(std::move(socket));
    asio::post(loop_.io(), [&] { listener->Stop(); });
  });
  for (int i = 0; i < 3; ++i) ASSERT_FALSE(Connect(listener->port()));
  loop_.io().run_for(kLongerThanTheBackoff);
  EXPECT_EQ(accepted.size(), 2u);
}

TEST_F(ListenerTest, WithoutDescriptorsItWaitsInsteadOfSpinningAndThenGoesOn) {
  const auto listener = Open();
  std::vector<TcpSocket> accepted;
  listener->Start(Into(accepted));
  constexpr size_t kClients = 3;
  for (size_t i = 0; i < kClients; ++i) ASSERT_FALSE(Connect(listener->port()));
  {
    const NoFreeDescriptors none;
    const size_t handlers = loop_.io().run_for(kLongerThanTheBackoff * 2);
    EXPECT_GE(handlers, 1u);
    EXPECT_LT(handlers, 20u);
    EXPECT_EQ(accepted.size(), 0u);
  }
  RunUntil([&] { return accepted.size() == kClients; });
}

TEST_F(ListenerTest, StopsAlsoWhileItWaitsForDescriptors) {
  const auto listener = Open();
  std::vector<TcpSocket> accepted;
  listener->Start(Into(accepted));
  ASSERT_FALSE(Connect(listener->port()));
  SteadyTimer stop(loop_.io());
  {
    const NoFreeDescriptors none;
    loop_.io().run_one();
    // Just before the wait ends, in a loop so slow that both are due at once.
    stop.expires_after(std::chrono::milliseconds(50));
    stop.async_wait([&](const asio::error_code&) { listener->Stop(); });
    std::this_thread::sleep_for(kLongerThanTheBackoff);
  }
  while (loop_.io().poll() > 0) {
  }
  EXPECT_EQ(loop_.io().run_for(kLongerThanTheBackoff), 0u);  // does nothing more
  EXPECT_EQ(accepted.size(), 0u);
}

}  // namespace
}  // namespace chatter::edge
