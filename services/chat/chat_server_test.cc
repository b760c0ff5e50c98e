#include "services/chat/chat_server.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/chat/testing/chat_server_fixture.h"
#include "services/chat/testing/test_edge.h"

namespace chatter::chat {
namespace {

class ChatServerTest : public ChatServerFixture {};

TEST_F(ChatServerTest, AStopAnswersWhatWasTakenAndSendsEverybodyAway) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  const auto context = Context(AsUser("bob"));
  const auto connect = stub_->Connect(context.get());
  v1::ClientFrame hello;
  hello.mutable_hello();
  connect->Write(hello);
  v1::ServerFrame answer;
  ASSERT_TRUE(connect->Read(&answer));
  EXPECT_EQ(edge.Next(), "1: presence bob on");
  constexpr int kSends = 100;
  for (int i = 0; i < kSends; ++i) edge.Send(1, "alice", absl::StrCat(i));
  // The last one's echo shows that all were taken.
  for (int i = 0; i < kSends; ++i) {
    EXPECT_EQ(edge.Next(), absl::StrCat("1: message ", i, " answers 1"));
  }
  server_->Stop();
  EXPECT_EQ(edge.Next(), "1: closed GOING_AWAY");
  EXPECT_EQ(edge.Next(), "end: 0");
  ASSERT_TRUE(connect->Read(&answer));
  EXPECT_TRUE(answer.goaway().reconnect());
  EXPECT_FALSE(connect->Read(&answer));
  EXPECT_EQ(connect->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);

  StartServer();
  v1::ListMessagesRequest request;
  request.set_with("alice");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages(response.messages_size() - 1).seq(), kSends);
}

}  // namespace
}  // namespace chatter::chat
