#include "edge/link/attach_link.h"

#include <asio/ip/tcp.hpp>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "edge/link/testing/attach_link_fixture.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class AttachLinkTest : public AttachLinkFixture {};

TEST_F(AttachLinkTest, ComesUpAndCarriesFramesBothWays) {
  Attach();
  EXPECT_TRUE(link_->is_up());
  Ping("hello");
  EXPECT_GT(link_->waiting_bytes(), 0u);
  Flush();
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  RunUntilEvents(2);
  EXPECT_THAT(events_, ElementsAre("up", "hello"));
}

TEST_F(AttachLinkTest, WhatIsQueuedInATurnGoesOutTogether) {
  Attach();
  for (const char* const payload : {"a", "b", "c"}) Ping(payload);
  Flush();
  RunUntilEvents(2);
  EXPECT_THAT(events_, ElementsAre("up", "a b c"));
}

TEST_F(AttachLinkTest, WhatPilesUpBehindAWriteGoesOutTogether) {
  service_.HoldReading(true);
  Attach();
  const std::string large(300 << 10, 'x');
  for (const std::string payload : {large.c_str(), "a", "b", "c"}) {
    Ping(payload);
    Flush();
  }
  EXPECT_GT(link_->waiting_bytes(), 0u);
  service_.HoldReading(false);
  RunUntilEvents(3);
  EXPECT_THAT(events_, ElementsAre("up", large, "a b c"));
}

TEST_F(AttachLinkTest, ALargePileGoesOutInSeveralBatchesInOrder) {
  Attach();
  std::vector<std::string> payloads;
  for (char c = 'a'; c < 'k'; ++c) payloads.push_back(std::string(100 << 10, c));
  for (const std::string& payload : payloads) Ping(payload);
  EXPECT_GE(link_->waiting_bytes(), size_t{1000 << 10});
  Flush();
  RunUntil([&] { return events_.back().back() == 'j'; });
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  EXPECT_EQ(absl::StrJoin(events_, " "),
            absl::StrCat("up ", absl::StrJoin(payloads, " ")));
  // One of 1 MiB would end the stream.
  for (const std::string& batch : events_) EXPECT_LT(batch.size(), size_t{512 << 10});
}

TEST_F(AttachLinkTest, ComesUpAgainAfterTheStreamHasEnded) {
  Attach();
  for (int i = 0; i < 3; ++i) {
    events_.clear();
    End();
    RunUntilEvents(1);
    EXPECT_FALSE(link_->is_up());
    RunUntilEvents(2);
    EXPECT_TRUE(link_->is_up());
    Ping("again");
    Flush();
    RunUntilEvents(3);
    EXPECT_THAT(events_, ElementsAre("down", "up", "again"));
  }
}

TEST_F(AttachLinkTest, WaitsForAChatServiceThatComesLater) {
  MakeLink(*ParseChatAddress("unix:" + socket_));
  link_->Start();
  RunUntilEvents(2);
  EXPECT_THAT(events_, ElementsAre("down", "down"));
  StartServer();
  RunUntil([&] { return events_.back() == "up"; });
}

TEST_F(AttachLinkTest, NothingSentWhileItIsDownIsSentLater) {
  StartServer();
  MakeLink(*ParseChatAddress("unix:" + socket_));
  Ping("before the start");
  link_->Start();
  Ping("while it connects");
  link_->SendEnd(kSession);
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  RunUntilEvents(1);

  Ping("not flushed when the stream ends");
  server_->Shutdown(std::chrono::system_clock::now());
  RunUntilEvents(2);
  Ping("while it is down");
  Flush();
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  StartServer();
  RunUntil([&] { return link_->is_up(); });
  Ping("new");
  Flush();
  RunUntil([&] { return events_.back() != "up"; });
  EXPECT_EQ(events_.front(), "up");
  EXPECT_EQ(events_.back(), "new");
}

TEST_F(AttachLinkTest, AStopEndsTheStreamForGood) {
  Attach();
  Ping("hello");
  Flush();
  RunUntilEvents(2);
  Ping("on its way");
  Flush();
  StopLink();
  EXPECT_EQ(events_.back(), "down");
  work_.reset();
  io_.run();  // nothing is left to do
  EXPECT_EQ(service_.streams, 1);
}

TEST_F(AttachLinkTest, AStopWhileItWaitsToConnectAgainIsDoneAtOnce) {
  Attach();
  End();
  RunUntilEvents(2);
  bool stopped = false;
  link_->Stop([&] { stopped = true; });
  EXPECT_TRUE(stopped);
  link_.reset();
  work_.reset();
  io_.run();
  EXPECT_EQ(service_.streams, 1);
}

TEST_F(AttachLinkTest, StopsWhileItConnectsToSomebodyWhoNeverAnswers) {
  asio::ip::tcp::acceptor silent(io_, {asio::ip::address_v4::loopback(), 0});
  MakeLink(*ParseChatAddress(absl::StrCat("127.0.0.1:", silent.local_endpoint().port())));
  std::vector<asio::ip::tcp::socket> peers;
  bool reached = false;
  silent.async_accept([&](const asio::error_code&, asio::ip::tcp::socket peer) {
    reached = true;
    peers.push_back(std::move(peer));
  });
  link_->Start();
  RunUntil([&] { return reached && connection_->channel() != nullptr; });
  EXPECT_FALSE(link_->is_up());
  StopLink();
  EXPECT_THAT(events_, ElementsAre("down"));
}

TEST_F(AttachLinkTest, StopsBeforeItHasConnected) {
  asio::ip::tcp::acceptor silent(io_, {asio::ip::address_v4::loopback(), 0});
  MakeLink(*ParseChatAddress(absl::StrCat("127.0.0.1:", silent.local_endpoint().port())));
  link_->Start();
  StopLink();
  EXPECT_THAT(events_, ElementsAre("down"));
  EXPECT_EQ(connection_->channel(), nullptr);
}

TEST_F(AttachLinkTest, MayGoWithoutHavingStarted) {
  MakeLink(*ParseChatAddress("unix:" + socket_));
  link_.reset();
  EXPECT_THAT(events_, IsEmpty());
}

}  // namespace
}  // namespace chatter::edge
