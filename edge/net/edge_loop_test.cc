#include "edge/net/edge_loop.h"

#include <asio/buffer.hpp>
#include <asio/local/connect_pair.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

// Longer than a test may last.
constexpr absl::Duration kLong = absl::Hours(1);

// One end of a pair, watched by the loop, and the other one.
struct Watched {
  explicit Watched(asio::io_context& io) : here(io), there(io) {
    asio::local::connect_pair(here, there);
  }
  void Watch(std::function<void()> on_byte) {
    here.async_wait(decltype(here)::wait_read,
                    [this, on_byte](const asio::error_code& cancelled) {
                      if (cancelled) return;
                      char byte;
                      here.receive(asio::buffer(&byte, 1));
                      on_byte();
                    });
  }
  void SendByte() { asio::write(there, asio::buffer("x", 1)); }

  asio::local::stream_protocol::socket here, there;
};

// The loop runs on the test's thread.
class EdgeLoopTest : public ::testing::Test {
 protected:
  // Turns until it is stopped, `turn` at the end of each of them. There is a first one by
  // itself. The loop's own tick is one that nobody has asked for.
  void Run(const std::function<void()>& turn) {
    asio::post(loop_.io(), [] {});
    loop_.Run(turn, [&] { Happens("tick"); });
  }
  void Happens(const std::string& what) { events_.push_back(what); }

  FakeClock fake_clock_;
  EdgeLoop loop_{fake_clock_};
  Watched client_{loop_.io()};
  Watched urgent_{loop_.io()};
  int turns_ = 0;
  std::vector<std::string> events_;
};

TEST_F(EdgeLoopTest, WithoutAPauseWhateverComesBeginsATurn) {
  client_.Watch([&] { Happens("client"); });
  Run([&] {
    EXPECT_FALSE(loop_.is_pausing());
    if (++turns_ == 1) {
      client_.SendByte();
    } else {
      loop_.Stop();
    }
  });
  EXPECT_EQ(turns_, 2);
  EXPECT_THAT(events_, ElementsAre("client"));
}

TEST_F(EdgeLoopTest, TheUrgentDescriptorBeginsATurnInAPause) {
  client_.Watch([&] { Happens("client"); });
  urgent_.Watch([&] { Happens("urgent"); });
  Run([&] {
    if (++turns_ == 1) {
      loop_.Pause(kLong, urgent_.here.native_handle());
      client_.SendByte();
      urgent_.SendByte();
    } else {
      EXPECT_TRUE(loop_.is_pausing());
      loop_.Stop();
    }
  });
  EXPECT_EQ(turns_, 2);
  EXPECT_THAT(events_, UnorderedElementsAre("client", "urgent"));
}

TEST_F(EdgeLoopTest, APauseThatIsOverAfterATurnWithinItEndsWithAnother) {
  urgent_.Watch([&] { Happens("urgent"); });
  Run([&] {
    if (++turns_ == 1) {
      loop_.Pause(kLong, urgent_.here.native_handle());
      urgent_.SendByte();
    } else if (turns_ == 2) {
      EXPECT_TRUE(loop_.is_pausing());
      fake_clock_.Advance(kLong);
      EXPECT_TRUE(loop_.is_pausing());
    } else {
      EXPECT_FALSE(loop_.is_pausing());
      loop_.Stop();
    }
  });
  EXPECT_EQ(turns_, 3);
  EXPECT_THAT(events_, ElementsAre("urgent"));
}

TEST_F(EdgeLoopTest, APauseEndsWhenTheDescriptorBreaks) {
  Run([&] {
    if (++turns_ == 1) {
      loop_.Pause(kLong, urgent_.here.native_handle());
      urgent_.there.close();
    } else {
      EXPECT_FALSE(loop_.is_pausing());
      loop_.Stop();
    }
  });
  EXPECT_EQ(turns_, 2);
}

TEST_F(EdgeLoopTest, APauseEndsThoughTheClockStandsStill) {
  Run([&] {
    if (++turns_ == 1) {
      loop_.Pause(absl::Milliseconds(1), urgent_.here.native_handle());
    } else {
      EXPECT_FALSE(loop_.is_pausing());
      loop_.Stop();
    }
  });
  EXPECT_EQ(turns_, 2);
}

TEST(EdgeLoopPauseTest, WhatClientsSendInAPauseWaitsForItsEnd) {
  constexpr absl::Duration kPause = absl::Milliseconds(20);
  EdgeLoop loop(Clock::Real());
  Watched client(loop.io());
  Watched urgent(loop.io());
  absl::Duration begin, read_after;
  int turns = 0;
  client.Watch([&] { read_after = loop.Now() - begin; });
  asio::post(loop.io(), [] {});
  loop.Run(
      [&] {
        if (++turns == 1) {
          client.SendByte();
          begin = loop.Now();
          loop.Pause(kPause, urgent.here.native_handle());
        } else {
          EXPECT_FALSE(loop.is_pausing());
          loop.Stop();
        }
      },
      [] {});
  EXPECT_EQ(turns, 2);
  EXPECT_GE(read_after, kPause);
}

}  // namespace
}  // namespace chatter::edge
