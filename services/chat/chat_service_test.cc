#include "services/chat/chat_service.h"

#include <sqlite3.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/log.h"
#include "services/base/protocol.h"
#include "services/chat/testing/chat_server_fixture.h"
#include "services/chat/testing/test_edge.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ChatServiceTest : public ChatServerFixture {
 protected:
  grpc::Status Create(const std::string& name, const std::string& secret) {
    v1::CreateUserRequest request;
    request.set_username(name);
    request.set_user_group("g");
    v1::CreateUserResponse response;
    return stub_->CreateUser(Context({{"authorization", secret}}).get(), request,
                             &response);
  }

  static std::vector<std::string> Texts(const v1::ListMessagesResponse& response) {
    std::vector<std::string> texts;
    for (const v1::Message& message : response.messages())
      texts.push_back(message.text());
    return texts;
  }
};

TEST_F(ChatServiceTest, CreatesUsersForThoseWhoHaveASecret) {
  EXPECT_EQ(Create("bob", kNotificationSecret).error_code(), grpc::StatusCode::OK);
  EXPECT_EQ(Create("carol", kServiceSecret).error_code(), grpc::StatusCode::OK);
  EXPECT_EQ(Create("bob", kServiceSecret).error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(Create("dave", "guess").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(Create("dave", "").error_code(), grpc::StatusCode::PERMISSION_DENIED);
  const grpc::Status empty = Create("", kServiceSecret);
  EXPECT_EQ(empty.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_FALSE(empty.error_message().empty());
  EXPECT_EQ(Create(std::string(129, 'x'), kServiceSecret).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

// The lines of the log that belong to a request.
class RequestLines : public google::LogSink {
 public:
  explicit RequestLines(std::string_view id) : id_(id) { google::AddLogSink(this); }
  ~RequestLines() override { google::RemoveLogSink(this); }

  using google::LogSink::send;
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message, size_t size) override {
    if (RequestScope::current() != id_) return;
    absl::MutexLock lock(&mutex_);
    absl::StrAppend(&lines_, absl::string_view(message, size), "\n");
  }
  std::string lines() const {
    absl::MutexLock lock(&mutex_);
    return lines_;
  }

 private:
  const std::string_view id_;
  mutable absl::Mutex mutex_;
  std::string lines_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(ChatServiceTest, AFailedCallIsLoggedWithItsRequestsId) {
  const RequestLines log("trace-1");
  v1::IssueTokenResponse response;
  const auto issue = [&](const std::string& authorization) {
    return stub_->IssueToken(
        Context({{"authorization", authorization}, {"x-request-id", "trace-1"}}).get(),
        v1::IssueTokenRequest(), &response);
  };
  EXPECT_FALSE(issue("Bearer refused").ok());
  EXPECT_EQ(log.lines(), "");
  EXPECT_FALSE(issue("Bearer down").ok());
  EXPECT_THAT(log.lines(), HasSubstr("cannot verify tokens"));
  EXPECT_THAT(log.lines(), HasSubstr("IssueToken failed: UNAVAILABLE"));

  // A storage that is gone.
  Token(AsUser("alice"));
  Token(AsUser("bob"));
  const RequestLines storage_log("trace-2");
  sqlite3* database;
  ASSERT_EQ(sqlite3_open((folder_ + "/chatter.db").c_str(), &database), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(database, "DROP TABLE messages", nullptr, nullptr, nullptr),
            SQLITE_OK);
  sqlite3_close(database);
  v1::ListMessagesRequest list;
  list.set_with("bob");
  v1::ListMessagesResponse page;
  Metadata metadata = AsUser("alice");
  metadata.emplace_back("x-request-id", "trace-2");
  // A line may just have been written, and the next one be left out.
  do {
    EXPECT_EQ(List(metadata, list, &page).error_code(), grpc::StatusCode::INTERNAL);
  } while (storage_log.lines().empty() && !HasFailure());
  EXPECT_THAT(storage_log.lines(), HasSubstr("ListMessages failed: INTERNAL: SQLite"));
}

TEST_F(ChatServiceTest, KnowsItsCallers) {
  v1::IssueTokenResponse response;
  const auto issue = [&](const Metadata& metadata) {
    return stub_->IssueToken(Context(metadata).get(), v1::IssueTokenRequest(), &response)
        .error_code();
  };
  EXPECT_EQ(issue({}), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(issue({{"authorization", "Bearer refused"}}),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(issue({{"authorization", "Bearer down"}}), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(issue({{"authorization", kServiceSecret}}),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(issue(AsServiceFor("nobody")), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(issue(AsUser("alice")), grpc::StatusCode::OK);
  EXPECT_EQ(response.username(), "alice");
  EXPECT_EQ(response.token().size(), 43u);
  EXPECT_EQ(response.expires().seconds(),
            absl::ToUnixSeconds(clock_.Now() + absl::Minutes(5)));
  EXPECT_EQ(issue(AsServiceFor("alice")), grpc::StatusCode::OK);
}

TEST_F(ChatServiceTest, ConnectionsShowTheGroupAndWhoIsThere) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  Token(AsUser("bob"));
  Token(AsUser("stranger", "elsewhere"));
  v1::ListConnectionsRequest request;
  request.set_page_size(1);
  v1::ListConnectionsResponse response;
  ASSERT_TRUE(
      stub_->ListConnections(Context(AsUser("bob")).get(), request, &response).ok());
  ASSERT_EQ(response.connections_size(), 1);
  EXPECT_EQ(response.connections(0).username(), "alice");
  EXPECT_TRUE(response.connections(0).active());
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(
      stub_->ListConnections(Context(AsUser("bob")).get(), request, &response).ok());
  ASSERT_EQ(response.connections_size(), 1);
  EXPECT_EQ(response.connections(0).username(), "bob");
  EXPECT_FALSE(response.connections(0).active());
}

TEST_F(ChatServiceTest, HistoryIsPagedInBothDirections) {
  server_.reset();
  StartServer(/*messages_limit=*/5);
  Token(AsUser("alice"));
  Token(AsUser("bob"));
  std::vector<int64_t> ids;
  for (int i = 1; i <= 12; ++i) {
    v1::SendMessageResponse response;
    ASSERT_TRUE(Send(AsUser("alice"), "bob", absl::StrCat(i), &response).ok());
    EXPECT_EQ(response.message().seq(), i);
    ids.push_back(response.message().id());
  }
  v1::ListMessagesRequest request;
  request.set_with("alice");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("8", "9", "10", "11", "12"));
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("3", "4", "5", "6", "7"));
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("1", "2"));
  EXPECT_THAT(response.next_page_token(), IsEmpty());

  request.clear_page_token();
  request.set_after_seq(5);
  request.set_page_size(4);
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("6", "7", "8", "9"));
  request.clear_after_seq();
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("10", "11", "12"));
  EXPECT_THAT(response.next_page_token(), IsEmpty());

  request.Clear();
  request.set_with("alice");
  request.set_before_id(ids[6]);
  request.set_page_size(2);
  request.set_skip(1);
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  EXPECT_THAT(Texts(response), ElementsAre("4", "5"));
}

TEST_F(ChatServiceTest, HistoryRefusesWhatItCannotMean) {
  Token(AsUser("alice"));
  Token(AsUser("bob"));
  v1::ListMessagesRequest request;
  v1::ListMessagesResponse response;
  request.set_with("nobody");
  EXPECT_EQ(List(AsUser("alice"), request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  request.set_with("bob");
  request.set_user("bob");
  EXPECT_EQ(List(AsUser("alice"), request, &response).error_code(),
            grpc::StatusCode::PERMISSION_DENIED);
  request.set_user("alice");
  request.set_page_token("x9");
  EXPECT_EQ(List(AsUser("alice"), request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
  request.clear_page_token();
  request.set_before_seq(3);
  request.set_after_seq(1);
  EXPECT_EQ(List(AsUser("alice"), request, &response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ChatServiceTest, LargeMessagesMakeSmallPages) {
  Token(AsUser("alice"));
  Token(AsUser("bob"));
  constexpr int kMessages = 40;
  v1::SendMessageResponse sent;
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_TRUE(
        Send(AsUser("alice"), "bob", std::string(kMaxTextBytes, 'x'), &sent).ok());
  }
  // 16 of them are 1 MiB.
  v1::ListMessagesRequest request;
  request.set_with("bob");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages_size(), 16);
  EXPECT_EQ(response.page_size(), 1000);
  EXPECT_EQ(response.messages(15).seq(), kMessages);
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages_size(), 16);
  EXPECT_EQ(response.messages(15).seq(), kMessages - 16);

  request.clear_page_token();
  request.set_after_seq(20);
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages_size(), 16);
  EXPECT_EQ(response.messages(0).seq(), 21);
  request.clear_after_seq();
  request.set_page_token(response.next_page_token());
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages_size(), 4);
  EXPECT_EQ(response.messages(0).seq(), 37);
}

TEST_F(ChatServiceTest, AUsersMessagesAreCountedInSessionsAndCallsTogether) {
  server_.reset();
  StartServer(/*messages_limit=*/5, /*message_rate=*/1);
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  v1::SendMessageResponse response;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(Send(AsServiceFor("alice"), "alice", "call", &response).ok());
    EXPECT_EQ(edge.Next(), "1: message call");
    edge.Send(1, "alice", "session");
    EXPECT_EQ(edge.Next(), "1: message session answers 1");
  }
  edge.Send(1, "alice", "too many");
  EXPECT_EQ(edge.Next(), "1: error rate_limited answers 1");

  v1::SendMessageRequest request;
  request.mutable_send()->set_to("alice");
  request.mutable_send()->set_text("too many");
  for (const Metadata& caller : {AsUser("alice"), AsServiceFor("alice")}) {
    const auto context = Context(caller);
    const grpc::Status status = stub_->SendMessage(context.get(), request, &response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
    const auto& trailers = context->GetServerTrailingMetadata();
    const auto retry_after = trailers.find(kRetryAfterMetadata);
    ASSERT_NE(retry_after, trailers.end());
    EXPECT_EQ(retry_after->second, "1000");
  }
  // In a group that has changed meanwhile, as well.
  Token(AsUser("alice", "elsewhere"));
  EXPECT_EQ(Send(AsServiceFor("alice"), "alice", "too many", &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(Send(AsUser("bob"), "alice", "hi", &response).ok());

  clock_.Advance(absl::Seconds(1));
  EXPECT_TRUE(Send(AsServiceFor("alice"), "alice", "now", &response).ok());
}

}  // namespace
}  // namespace chatter::chat
