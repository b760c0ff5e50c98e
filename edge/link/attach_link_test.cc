#include "edge/link/attach_link.h"

#include <grpc/grpc.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <poll.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/ip/tcp.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kSession = 7;

// Answers a batch's pings with one batch of pongs. Ends the stream when a session
// ends.
class FakeEdgeService : public v1::EdgeService::Service {
 public:
  using Stream = grpc::ServerReaderWriter<v1::ChatBatch, v1::EdgeBatch>;

  grpc::Status Attach(grpc::ServerContext*, Stream* stream) override {
    ++streams;
    {
      absl::MutexLock lock(&mutex_);
      stream_ = stream;
      stream->SendInitialMetadata();
    }
    v1::EdgeBatch batch;
    while (MayRead() && stream->Read(&batch)) {
      v1::ChatBatch answer;
      for (const v1::EdgeEvent& event : batch.events()) {
        if (event.has_end()) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "ended");
        if (!event.frame().has_ping()) continue;
        AddPong(event.frame().ping().payload(), answer);
      }
      if (answer.deliveries().empty()) continue;
      absl::MutexLock lock(&mutex_);
      stream->Write(answer);
    }
    return grpc::Status::OK;
  }

  // A batch that nobody has asked for. Within a stream.
  void Push(const std::string& payload) {
    v1::ChatBatch batch;
    AddPong(payload, batch);
    absl::MutexLock lock(&mutex_);
    stream_->Write(batch);
  }

  // While it does not read, a write of more than 64 KiB is on its way.
  void HoldReading(bool held) {
    absl::MutexLock lock(&mutex_);
    held_ = held;
  }

  std::atomic<int> streams{0};

 private:
  static void AddPong(const std::string& payload, v1::ChatBatch& batch) {
    v1::Delivery& delivery = *batch.add_deliveries();
    delivery.add_sessions(kSession);
    delivery.mutable_frame()->mutable_pong()->set_payload(payload);
  }
  bool MayRead() {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(
        +[](bool* held) { return !*held; }, &held_));
    return true;
  }

  absl::Mutex mutex_;
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  Stream* stream_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// The test's thread is the link's loop, so that whatever happens elsewhere waits until
// the test turns it.
class AttachLinkTest : public ::testing::Test, public AttachLink::Handler {
 protected:
  // Keeps gRPC from ending with each test, which may take it 10 s after a large write.
  static void SetUpTestSuite() { grpc_init(); }

  AttachLinkTest() : socket_(absl::StrCat("/tmp/chatter-link-", getpid(), ".sock")) {}
  ~AttachLinkTest() override {
    if (link_ != nullptr) StopLink();
    if (server_ != nullptr) server_->Shutdown();
    unlink(socket_.c_str());
  }

  void OnLinkUp() override { events_.push_back("up"); }
  void OnLinkDown() override { events_.push_back("down"); }
  // The payloads of one batch.
  void OnDeliveries(v1::ChatBatch& batch) override {
    std::vector<std::string> payloads;
    for (const v1::Delivery& delivery : batch.deliveries()) {
      EXPECT_THAT(delivery.sessions(), ElementsAre(kSession));
      payloads.push_back(delivery.frame().pong().payload());
    }
    events_.push_back(absl::StrJoin(payloads, " "));
    if (events_.back() == answered_) Ping("answer to " + answered_);
    batch.Clear();
  }

  void StartServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    // Takes no more than 64 KiB unless it reads.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
  }
  void MakeLink(const std::string& target) {
    connection_ = std::make_unique<ChatConnection>(io_, *ParseChatAddress(target));
    link_ = std::make_unique<AttachLink>(*connection_, *this);
  }
  void Attach() {
    StartServer();
    MakeLink("unix:" + socket_);
    link_->Start();
    RunUntilEvents(1);
    ASSERT_THAT(events_, ElementsAre("up"));
  }

  void Ping(const std::string& payload) {
    v1::ClientFrame frame;
    frame.mutable_ping()->set_payload(payload);
    link_->SendFrame(kSession, frame, payload.size());
  }
  // The service ends the stream when it has this.
  void End() {
    link_->SendEnd(kSession);
    Flush();
  }

  void Send(std::initializer_list<uint64_t> sessions) {
    for (const uint64_t session : sessions) {
      v1::ClientFrame frame;
      frame.mutable_send()->set_text("hello");
      link_->SendFrame(session, frame, 5);
    }
  }
  // As an edge thread does at the end of each turn, but that a pause is over when the
  // test says so.
  void Flush() {
    if (!pausing_) pausing_ = link_->Flush(now_) > absl::ZeroDuration();
  }
  void StartPause() {
    Send({1, 2, 3});
    Flush();
    ASSERT_TRUE(pausing_);
  }
  void EndPause() {
    pausing_ = false;
    Flush();
  }
  // Likewise, polls once a second.
  void RunUntil(const std::function<bool()>& done) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) {
      ASSERT_LT(std::chrono::steady_clock::now(), patience);
      if (io_.run_one_for(std::chrono::seconds(1)) == 0) connection_->Poll();
      Flush();
    }
  }
  void RunUntilEvents(size_t count) {
    RunUntil([&] { return events_.size() >= count; });
  }
  void StopLink() {
    bool stopped = false;
    link_->Stop([&] { stopped = true; });
    RunUntil([&] { return stopped; });
    link_.reset();
  }

  const std::string socket_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  FakeEdgeService service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<asio::ip::tcp::socket> peers_;
  std::unique_ptr<ChatConnection> connection_;
  std::unique_ptr<AttachLink> link_;
  absl::Duration now_ = absl::Hours(1);
  bool pausing_ = false;
  std::string answered_;  // the payloads that a session answers at once
  std::vector<std::string> events_;
};

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

TEST_F(AttachLinkTest, WhatComesInAPauseIsHandedOverInItAndWhatIsQueuedAfterIt) {
  Attach();
  StartPause();
  for (const char* const payload : {"first", "second", "third"}) {
    service_.Push(payload);
    RunUntilEvents(events_.size() + 1);
  }
  Ping("in the pause");
  Flush();
  EXPECT_GT(link_->waiting_bytes(), 0u);
  EndPause();
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  EXPECT_FALSE(pausing_);  // nobody has written a message
  RunUntilEvents(5);
  EXPECT_THAT(events_, ElementsAre("up", "first", "second", "third", "in the pause"));
}

TEST_F(AttachLinkTest, WhatIsSaidAtOnceToTheLastOfAPauseGoesOut) {
  Attach();
  StartPause();
  service_.Push("first");
  RunUntilEvents(2);
  // The next one comes when the loop does not look any more.
  service_.Push("second");
  pollfd socket{connection_->descriptor(), POLLIN, 0};
  ASSERT_EQ(poll(&socket, 1, 20'000), 1);
  answered_ = "second";
  EndPause();
  EXPECT_EQ(events_.back(), "second");
  EXPECT_EQ(link_->waiting_bytes(), 0u);
  RunUntilEvents(4);
  EXPECT_THAT(events_, ElementsAre("up", "first", "second", "answer to second"));
}

TEST_F(AttachLinkTest, GoesDownAndComesUpAgainWithinAPause) {
  Attach();
  StartPause();
  service_.Push("first");
  RunUntilEvents(2);
  server_->Shutdown(std::chrono::system_clock::now());
  RunUntilEvents(3);
  EXPECT_EQ(events_.back(), "down");
  StartServer();
  RunUntil([&] { return link_->is_up(); });
  Ping("again");
  EndPause();
  RunUntil([&] { return events_.back() == "again"; });
}

TEST_F(AttachLinkTest, AStopInAPauseIsDone) {
  Attach();
  StartPause();
  service_.Push("first");
  RunUntilEvents(2);
  bool stopped = false;
  link_->Stop([&] { stopped = true; });
  EndPause();
  RunUntil([&] { return stopped; });
  link_.reset();
  EXPECT_EQ(events_.back(), "down");
}

TEST_F(AttachLinkTest, OneOrTwoWhoWriteDoNotPause) {
  Attach();
  Send({1, 2});
  Flush();
  EXPECT_FALSE(pausing_);
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
  MakeLink("unix:" + socket_);
  link_->Start();
  RunUntilEvents(2);
  EXPECT_THAT(events_, ElementsAre("down", "down"));
  StartServer();
  RunUntil([&] { return events_.back() == "up"; });
}

TEST_F(AttachLinkTest, NothingSentWhileItIsDownIsSentLater) {
  StartServer();
  MakeLink("unix:" + socket_);
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
  MakeLink(absl::StrCat("127.0.0.1:", silent.local_endpoint().port()));
  bool reached = false;
  silent.async_accept([&](const asio::error_code&, asio::ip::tcp::socket peer) {
    reached = true;
    peers_.push_back(std::move(peer));
  });
  link_->Start();
  RunUntil([&] { return reached && connection_->channel() != nullptr; });
  EXPECT_FALSE(link_->is_up());
  StopLink();
  EXPECT_THAT(events_, ElementsAre("down"));
}

TEST_F(AttachLinkTest, StopsBeforeItHasConnected) {
  asio::ip::tcp::acceptor silent(io_, {asio::ip::address_v4::loopback(), 0});
  MakeLink(absl::StrCat("127.0.0.1:", silent.local_endpoint().port()));
  link_->Start();
  StopLink();
  EXPECT_THAT(events_, ElementsAre("down"));
  EXPECT_EQ(connection_->channel(), nullptr);
}

TEST_F(AttachLinkTest, MayGoWithoutHavingStarted) {
  MakeLink("unix:" + socket_);
  link_.reset();
  EXPECT_THAT(events_, IsEmpty());
}

}  // namespace
}  // namespace chatter::edge
