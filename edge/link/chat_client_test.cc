#include "edge/link/chat_client.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

// Shows in its answers what it was asked. IssueToken does as the authorization says:
// "fail <code>", "hold" until the caller cancels, or else a token that says the same.
class FakeChatService : public v1::ChatService::Service {
 public:
  grpc::Status CreateUser(grpc::ServerContext*, const v1::CreateUserRequest* request,
                          v1::CreateUserResponse*) override {
    return {grpc::StatusCode::ALREADY_EXISTS, request->username()};
  }
  grpc::Status IssueToken(grpc::ServerContext* context, const v1::IssueTokenRequest*,
                          v1::IssueTokenResponse* response) override {
    const grpc::string_ref metadata =
        context->client_metadata().find("authorization")->second;
    absl::string_view order(metadata.data(), metadata.size());
    if (order == "hold") return Hold(*context);
    if (int code;
        absl::ConsumePrefix(&order, "fail ") && absl::SimpleAtoi(order, &code)) {
      return {static_cast<grpc::StatusCode>(code), "as ordered"};
    }
    response->set_token(std::string(order));
    response->mutable_expires()->set_seconds(
        std::chrono::system_clock::to_time_t(context->deadline()));
    return grpc::Status::OK;
  }
  grpc::Status ListMessages(grpc::ServerContext*, const v1::ListMessagesRequest* request,
                            v1::ListMessagesResponse* response) override {
    response->add_messages()->set_text(request->with());
    return grpc::Status::OK;
  }
  grpc::Status ListConnections(grpc::ServerContext*,
                               const v1::ListConnectionsRequest* request,
                               v1::ListConnectionsResponse* response) override {
    response->add_connections()->set_username(request->page_token());
    return grpc::Status::OK;
  }

  void WaitForHeld(int count) { WaitFor(held_, count); }
  void WaitForCancelled(int count) { WaitFor(cancelled_, count); }

 private:
  grpc::Status Hold(grpc::ServerContext& context) {
    Count(held_);
    // Nobody tells a call that blocks.
    while (!context.IsCancelled()) absl::SleepFor(absl::Milliseconds(1));
    Count(cancelled_);
    return grpc::Status::CANCELLED;
  }
  void Count(int& what) {
    absl::MutexLock lock(&mutex_);
    ++what;
  }
  void WaitFor(int& what, int count) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [&] { return what >= count; };
    EXPECT_TRUE(mutex_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(20)));
  }

  absl::Mutex mutex_;
  int held_ = 0;
  int cancelled_ = 0;
};

// The test's thread is the loop.
class ChatClientTest : public ::testing::Test {
 protected:
  ChatClientTest()
      : socket_(absl::StrCat("/tmp/chatter-client-", getpid(), ".sock")),
        connection_(io_, *ParseChatAddress("unix:" + socket_)),
        client_(MakeChatClient(connection_)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }
  ~ChatClientTest() override {
    client_.reset();
    connection_.Disconnect();
    server_->Shutdown();
    unlink(socket_.c_str());
  }

  void Connect() {
    connection_.Connect([](const absl::Status& status) { ASSERT_TRUE(status.ok()); });
    RunUntil([&] { return connection_.channel() != nullptr; });
  }
  void RunUntil(const std::function<bool()>& done) {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!done()) ASSERT_EQ(io_.run_one_until(patience), 1u);
  }

  // Makes a call, and turns the loop until it is answered.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Answer(void (ChatClient::*method)(const std::string&, Request,
                                                             ChatClient::Done<Response>),
                                  const std::string& authorization, Request request) {
    std::optional<absl::StatusOr<Response>> answer;
    (client_.get()->*method)(authorization, std::move(request),
                             [&](absl::StatusOr<Response> response) {
                               EXPECT_FALSE(answer.has_value());
                               answer = std::move(response);
                             });
    EXPECT_FALSE(answer.has_value());
    RunUntil([&] { return answer.has_value(); });
    return answer.has_value() ? *std::move(answer) : absl::DeadlineExceededError("");
  }
  absl::StatusOr<v1::IssueTokenResponse> IssueToken(const std::string& authorization) {
    return Answer(&ChatClient::IssueToken, authorization, v1::IssueTokenRequest());
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  FakeChatService service_;
  std::unique_ptr<grpc::Server> server_;
  const std::string socket_;
  ChatConnection connection_;
  std::unique_ptr<ChatClient> client_;
};

TEST_F(ChatClientTest, EveryCallIsAnsweredAndNeverBeforeItReturns) {
  Connect();
  const auto token = IssueToken("Bearer alice");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->token(), "Bearer alice");

  v1::CreateUserRequest user;
  user.set_username("alice");
  EXPECT_EQ(Answer(&ChatClient::CreateUser, "", user).status(),
            absl::AlreadyExistsError("alice"));

  v1::ListMessagesRequest history;
  history.set_with("bob");
  const auto messages = Answer(&ChatClient::ListMessages, "", history);
  ASSERT_TRUE(messages.ok()) << messages.status();
  EXPECT_EQ(messages->messages(0).text(), "bob");

  v1::ListConnectionsRequest group;
  group.set_page_token("carol");
  const auto connections = Answer(&ChatClient::ListConnections, "", group);
  ASSERT_TRUE(connections.ok()) << connections.status();
  EXPECT_EQ(connections->connections(0).username(), "carol");
}

TEST_F(ChatClientTest, AnErrorKeepsItsCodeAndItsText) {
  Connect();
  for (const absl::StatusCode code :
       {absl::StatusCode::kUnauthenticated, absl::StatusCode::kPermissionDenied,
        absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
        absl::StatusCode::kResourceExhausted, absl::StatusCode::kUnavailable,
        absl::StatusCode::kUnknown, absl::StatusCode::kInternal}) {
    EXPECT_EQ(IssueToken(absl::StrCat("fail ", static_cast<int>(code))).status(),
              absl::Status(code, "as ordered"));
  }
}

TEST_F(ChatClientTest, ACallHasTenSeconds) {
  Connect();
  const int64_t before = absl::ToUnixSeconds(absl::Now());
  const auto token = IssueToken("Bearer alice");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_GE(token->expires().seconds(), before + 9);
  EXPECT_LE(token->expires().seconds(), absl::ToUnixSeconds(absl::Now()) + 11);
}

TEST_F(ChatClientTest, WithoutAConnectionACallEndsAtOnce) {
  const auto is_unavailable = [&] {
    return absl::IsUnavailable(IssueToken("Bearer alice").status());
  };
  EXPECT_TRUE(is_unavailable());
  Connect();
  EXPECT_TRUE(IssueToken("Bearer alice").ok());
  connection_.Disconnect();
  EXPECT_TRUE(is_unavailable());
  Connect();
  EXPECT_TRUE(IssueToken("Bearer alice").ok());
}

TEST_F(ChatClientTest, ACallEndsWithTheChatServiceThatHasIt) {
  Connect();
  std::optional<absl::Status> outcome;
  client_->IssueToken("hold", v1::IssueTokenRequest(),
                      [&](const auto& token) { outcome = token.status(); });
  connection_.Poll();
  service_.WaitForHeld(1);
  server_->Shutdown(std::chrono::system_clock::now());
  RunUntil([&] { return outcome.has_value(); });
  EXPECT_FALSE(outcome->ok());
}

TEST_F(ChatClientTest, ItsEndCancelsWhatIsOnItsWay) {
  Connect();
  constexpr int kCalls = 3;
  for (int i = 0; i < kCalls; ++i) {
    client_->IssueToken("hold", v1::IssueTokenRequest(), [](const auto&) {});
  }
  connection_.Poll();
  service_.WaitForHeld(kCalls);
  client_.reset();
  service_.WaitForCancelled(kCalls);
  work_.reset();
  connection_.Disconnect();
  io_.run();  // what is left there needs the client no more
}

}  // namespace
}  // namespace chatter::edge
