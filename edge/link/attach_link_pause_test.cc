#include <grpcpp/security/server_credentials.h>
#include <poll.h>

#include <chrono>
#include <initializer_list>

#include "absl/strings/str_cat.h"
#include "edge/link/testing/attach_link_fixture.h"
#include "services/base/testing/certificates.h"

namespace chatter::edge {
namespace {

using ::testing::ElementsAre;

class AttachLinkPauseTest : public AttachLinkFixture {
 protected:
  void Send(std::initializer_list<uint64_t> sessions) {
    for (const uint64_t session : sessions) {
      v1::ClientFrame frame;
      frame.mutable_send()->set_text("hello");
      link_->SendFrame(session, frame, 5);
    }
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
};

TEST_F(AttachLinkPauseTest, WhatComesInAPauseIsHandedOverInItAndWhatIsQueuedAfterIt) {
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

TEST_F(AttachLinkPauseTest, WhatIsSaidAtOnceToTheLastOfAPauseGoesOut) {
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

TEST_F(AttachLinkPauseTest, GoesDownAndComesUpAgainWithinAPause) {
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

TEST_F(AttachLinkPauseTest, AStopInAPauseIsDone) {
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

TEST_F(AttachLinkPauseTest, OneOrTwoWhoWriteDoNotPause) {
  Attach();
  Send({1, 2});
  Flush();
  EXPECT_FALSE(pausing_);
}

// The loop has to bring what gRPC has written to the peer.
TEST_F(AttachLinkPauseTest, NobodyPausesOverTls) {
  const testing::CertificateAuthority authority("authority");
  const testing::CertificateAuthority::Issued issued = authority.Issue("chatd");
  grpc::SslServerCredentialsOptions options;
  options.pem_key_cert_pairs.push_back({issued.key, issued.certificate});
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
  MakeLink(*ParseChatAddress(
      absl::StrCat("127.0.0.1:", port),
      testing::WriteTlsFiles(::testing::TempDir(), "attach_link_pause_test",
                             authority.Issue("edge"), authority)));
  link_->Start();
  RunUntilEvents(1);
  ASSERT_TRUE(link_->is_up());
  Send({1, 2, 3});
  Ping("hello");
  Flush();
  EXPECT_FALSE(pausing_);
  RunUntilEvents(2);
  EXPECT_EQ(events_.back(), "hello");
  StopLink();
  work_.reset();
  io_.run();  // until the service has been told
}

}  // namespace
}  // namespace chatter::edge
