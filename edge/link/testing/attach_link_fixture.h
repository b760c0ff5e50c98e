// An AttachLink, and a chat service that the test commands.
#ifndef CHATTER_EDGE_LINK_TESTING_ATTACH_LINK_FIXTURE_H_
#define CHATTER_EDGE_LINK_TESTING_ATTACH_LINK_FIXTURE_H_

#include <grpc/grpc.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "edge/link/attach_link.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {

inline constexpr uint64_t kSession = 7;

// Answers a batch's pings with one batch of pongs. Ends the stream when a session ends.
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
class AttachLinkFixture : public ::testing::Test, public AttachLink::Handler {
 protected:
  // Keeps gRPC from ending with each test, which may take it 10 s after a large write.
  static void SetUpTestSuite() { grpc_init(); }

  AttachLinkFixture() : socket_(absl::StrCat("/tmp/chatter-link-", getpid(), ".sock")) {}
  ~AttachLinkFixture() override {
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
      EXPECT_THAT(delivery.sessions(), ::testing::ElementsAre(kSession));
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
  void MakeLink(const ChatAddress& address) {
    connection_ = std::make_unique<ChatConnection>(io_, address);
    link_ = std::make_unique<AttachLink>(*connection_, *this);
  }
  void Attach() {
    StartServer();
    MakeLink(*ParseChatAddress("unix:" + socket_));
    link_->Start();
    RunUntilEvents(1);
    ASSERT_THAT(events_, ::testing::ElementsAre("up"));
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

  // As an edge thread does at the end of each turn, but that a pause is over when the
  // test says so.
  void Flush() {
    if (!pausing_) pausing_ = link_->Flush(now_) > absl::ZeroDuration();
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
  std::unique_ptr<ChatConnection> connection_;
  std::unique_ptr<AttachLink> link_;
  absl::Duration now_ = absl::Hours(1);
  bool pausing_ = false;
  std::string answered_;  // the payloads that a session answers at once
  std::vector<std::string> events_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_TESTING_ATTACH_LINK_FIXTURE_H_
