#include "edge/link/chat_client.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <unistd.h>

#include <asio/executor_work_guard.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
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
class FakeChatService : public v1::ChatService::CallbackService {
 public:
  grpc::ServerUnaryReactor* CreateUser(grpc::CallbackServerContext* context,
                                       const v1::CreateUserRequest* request,
                                       v1::CreateUserResponse*) override {
    return Answer(context,
                  grpc::Status(grpc::StatusCode::ALREADY_EXISTS, request->username()));
  }
  grpc::ServerUnaryReactor* IssueToken(grpc::CallbackServerContext* context,
                                       const v1::IssueTokenRequest*,
                                       v1::IssueTokenResponse* response) override {
    const grpc::string_ref metadata =
        context->client_metadata().find("authorization")->second;
    absl::string_view order(metadata.data(), metadata.size());
    if (order == "hold") return new HeldCall(*this);
    if (int code;
        absl::ConsumePrefix(&order, "fail ") && absl::SimpleAtoi(order, &code)) {
      return Answer(context,
                    grpc::Status(static_cast<grpc::StatusCode>(code), "as ordered"));
    }
    response->set_token(std::string(order));
    response->mutable_expires()->set_seconds(
        std::chrono::system_clock::to_time_t(context->deadline()));
    return Answer(context, grpc::Status::OK);
  }
  grpc::ServerUnaryReactor* ListMessages(grpc::CallbackServerContext* context,
                                         const v1::ListMessagesRequest* request,
                                         v1::ListMessagesResponse* response) override {
    response->add_messages()->set_text(request->with());
    return Answer(context, grpc::Status::OK);
  }
  grpc::ServerUnaryReactor* ListConnections(
      grpc::CallbackServerContext* context, const v1::ListConnectionsRequest* request,
      v1::ListConnectionsResponse* response) override {
    response->add_connections()->set_username(request->page_token());
    return Answer(context, grpc::Status::OK);
  }

  void WaitForHeld(int count) { WaitFor(held_, count); }
  void WaitForCancelled(int count) { WaitFor(cancelled_, count); }

 private:
  class HeldCall : public grpc::ServerUnaryReactor {
   public:
    explicit HeldCall(FakeChatService& service) : service_(service) {
      service_.Count(service_.held_);
    }
    void OnCancel() override { Finish(grpc::Status::CANCELLED); }
    void OnDone() override {
      service_.Count(service_.cancelled_);
      delete this;
    }

   private:
    FakeChatService& service_;
  };

  static grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                          const grpc::Status& status) {
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(status);
    return reactor;
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
  ChatClientTest() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket_, grpc::InsecureServerCredentials());
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    Connect();
  }
  ~ChatClientTest() override {
    client_.reset();
    connection_.Disconnect();
    server_->Shutdown(std::chrono::system_clock::now());
    unlink(socket_.c_str());
  }

  void Connect() {
    bool connected = false;
    connection_.Connect([&](const absl::Status& status) {
      EXPECT_TRUE(status.ok()) << status;
      connected = true;
    });
    while (!connected) io_.run_one();
  }

  // Makes a call, and turns the loop until it is answered.
  template <typename Response, typename Request>
  absl::StatusOr<Response> Answer(void (ChatClient::*method)(const std::string&, Request,
                                                             ChatClient::Done<Response>),
                                  const std::string& authorization, Request request) {
    std::optional<absl::StatusOr<Response>> answer;
    (client_.get()->*method)(
        authorization, std::move(request),
        [&answer, loop = std::this_thread::get_id()](absl::StatusOr<Response> response) {
          EXPECT_EQ(std::this_thread::get_id(), loop);
          EXPECT_FALSE(answer.has_value());
          answer = std::move(response);
        });
    EXPECT_FALSE(answer.has_value());
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!answer.has_value()) {
      if (io_.run_one_until(patience) == 0)
        return absl::DeadlineExceededError("no answer");
    }
    return *std::move(answer);
  }
  absl::StatusOr<v1::IssueTokenResponse> IssueToken(const std::string& authorization) {
    return Answer(&ChatClient::IssueToken, authorization, v1::IssueTokenRequest());
  }

  const std::string socket_ = absl::StrCat("/tmp/chatter-client-", getpid(), ".sock");
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  FakeChatService service_;
  std::unique_ptr<grpc::Server> server_;
  ChatConnection connection_{io_, {socket_, "", ""}};
  std::unique_ptr<ChatClient> client_ = MakeChatClient(connection_);
};

TEST_F(ChatClientTest, EveryCallIsAnsweredOnTheLoop) {
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
  const int64_t before = absl::ToUnixSeconds(absl::Now());
  const auto token = IssueToken("Bearer alice");
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_GE(token->expires().seconds(), before + 9);
  EXPECT_LE(token->expires().seconds(), absl::ToUnixSeconds(absl::Now()) + 10);
}

TEST_F(ChatClientTest, AChatServiceThatIsAwayIsSaidLongBeforeTheDeadline) {
  connection_.Disconnect();
  const absl::Time start = absl::Now();
  EXPECT_TRUE(absl::IsUnavailable(IssueToken("Bearer alice").status()));
  Connect();
  EXPECT_TRUE(IssueToken("Bearer alice").ok());
  // Its end, which the client has not seen yet.
  server_->Shutdown(std::chrono::system_clock::now());
  EXPECT_TRUE(absl::IsUnavailable(IssueToken("Bearer alice").status()));
  EXPECT_LT(absl::Now() - start, absl::Seconds(5));
}

TEST_F(ChatClientTest, ItsEndCancelsWhatIsOnItsWay) {
  constexpr int kCalls = 3;
  for (int i = 0; i < kCalls; ++i) {
    client_->IssueToken("hold", v1::IssueTokenRequest(),
                        [](const absl::StatusOr<v1::IssueTokenResponse>& token) {
                          EXPECT_TRUE(absl::IsCancelled(token.status()));
                        });
  }
  io_.poll();
  service_.WaitForHeld(kCalls);
  client_.reset();
  service_.WaitForCancelled(kCalls);
  connection_.Disconnect();
  work_.reset();
  io_.run();  // what comes to the loop now needs the client no more
}

}  // namespace
}  // namespace chatter::edge
