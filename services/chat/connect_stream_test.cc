#include "services/chat/connect_stream.h"

#include <thread>

#include "absl/synchronization/notification.h"
#include "gtest/gtest.h"
#include "services/chat/testing/chat_server_fixture.h"

namespace chatter::chat {
namespace {

class ConnectStreamTest : public ChatServerFixture {};

TEST_F(ConnectStreamTest, ConnectIsASessionOfItsOwn) {
  Token(AsUser("bob"));
  const auto context = Context(AsUser("alice"));
  const auto stream = stub_->Connect(context.get());
  v1::ClientFrame frame;
  frame.mutable_hello();
  stream->Write(frame);
  v1::ServerFrame answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.welcome().user(), "alice");
  frame.mutable_ping()->set_payload("p");
  stream->Write(frame);
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.pong().payload(), "p");

  frame.mutable_send()->set_to("bob");
  frame.mutable_send()->set_text("hi");
  frame.mutable_send()->set_client_id("c");
  stream->Write(frame);
  stream->WritesDone();
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_EQ(answer.sent().client_id(), "c");
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ConnectStreamTest, ConnectBeginsWithHello) {
  const auto context = Context(AsUser("alice"));
  const auto stream = stub_->Connect(context.get());
  v1::ClientFrame frame;
  frame.mutable_ping();
  stream->Write(frame);
  v1::ServerFrame answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ConnectStreamTest, ConnectRefusesStrangers) {
  const auto context = Context({});
  const auto stream = stub_->Connect(context.get());
  v1::ServerFrame answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

TEST_F(ConnectStreamTest, AStopWaitsForTheLookUpOfACaller) {
  const auto context = Context({{"authorization", "Bearer late"}});
  const auto stream = stub_->Connect(context.get());
  identity_.AwaitLate();
  absl::Notification stopped;
  std::thread stopping([&] {
    server_.reset();
    stopped.Notify();
  });
  v1::ServerFrame answer;
  ASSERT_TRUE(stream->Read(&answer));
  EXPECT_TRUE(answer.has_goaway());
  EXPECT_FALSE(stopped.WaitForNotificationWithTimeout(absl::Milliseconds(500)));
  identity_.AnswerLate();
  stopping.join();
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

}  // namespace
}  // namespace chatter::chat
