// The whole chat service in one process: real gRPC, real SQLite, and an identity service
// that knows the bearer tokens `Bearer <user>/<group>`.
#include "services/chat/chat_server.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>

#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "chatter/v1/identity.grpc.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "storage/open.h"

namespace chatter::chat {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kServiceSecret[] = "service-secret";

class FakeIdentity : public v1::IdentityService::Service {
 public:
  grpc::Status Verify(grpc::ServerContext*, const v1::VerifyRequest* request,
                      v1::VerifyResponse* response) override {
    absl::string_view rest = request->authorization();
    if (!absl::ConsumePrefix(&rest, "Bearer ") || rest == "refused") {
      return grpc::Status(grpc::StatusCode::UNAUTHENTICATED, "no");
    }
    if (rest == "down") return grpc::Status(grpc::StatusCode::UNAVAILABLE, "away");
    const std::pair<std::string, std::string> user =
        absl::StrSplit(rest, absl::MaxSplits('/', 1));
    response->set_username(user.first);
    response->set_user_group(user.second);
    return grpc::Status::OK;
  }
};

using Metadata = std::vector<std::pair<std::string, std::string>>;

Metadata AsUser(const std::string& name, const std::string& group = "g") {
  return {{"authorization", absl::StrCat("Bearer ", name, "/", group)}};
}

Metadata AsServiceFor(const std::string& name) {
  return {{"authorization", kServiceSecret}, {"x-chatter-user", name}};
}

class ChatServerTest : public testing::Test {
 protected:
  ChatServerTest() {
    std::string pattern = absl::StrCat(testing::TempDir(), "/chat_server_XXXXXX");
    folder_ = mkdtemp(pattern.data());
    grpc::ServerBuilder builder;
    builder.RegisterService(&identity_);
    identity_server_ = builder.BuildAndStart();
    StartServer();
  }
  ~ChatServerTest() override {
    server_.reset();
    identity_server_->Shutdown();
    std::filesystem::remove_all(folder_);
  }

  void StartServer() {
    auto storage = storage::Open(absl::StrCat("sqlite:", folder_, "/chatter.db"));
    ASSERT_TRUE(storage.ok()) << storage.status();
    ChatServerOptions options;
    options.listen = {"127.0.0.1:0"};
    options.secrets = {kServiceSecret, "notification-secret"};
    options.identity = identity_server_->InProcessChannel({});
    options.messages_limit = 5;
    auto server = ChatServer::Start(*std::move(storage), options);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->addresses().front(),
                                   grpc::InsecureChannelCredentials());
    stub_ = v1::ChatService::NewStub(channel_);
    edge_stub_ = v1::EdgeService::NewStub(channel_);
  }

  static std::unique_ptr<grpc::ClientContext> Context(const Metadata& metadata) {
    auto context = std::make_unique<grpc::ClientContext>();
    for (const auto& [key, value] : metadata) context->AddMetadata(key, value);
    context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    return context;
  }

  grpc::Status Create(const std::string& name, const std::string& secret,
                      const std::string& group = "g") {
    v1::CreateUserRequest request;
    request.set_username(name);
    request.set_user_group(group);
    v1::CreateUserResponse response;
    return stub_->CreateUser(Context({{"authorization", secret}}).get(), request,
                             &response);
  }

  std::string Token(const Metadata& caller) {
    v1::IssueTokenResponse response;
    const grpc::Status status =
        stub_->IssueToken(Context(caller).get(), v1::IssueTokenRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.token();
  }

  grpc::Status Send(const Metadata& caller, const std::string& to,
                    const std::string& text, v1::SendMessageResponse* response,
                    const std::string& client_id = "") {
    v1::SendMessageRequest request;
    request.mutable_send()->set_to(to);
    request.mutable_send()->set_text(text);
    request.mutable_send()->set_client_id(client_id);
    return stub_->SendMessage(Context(caller).get(), request, response);
  }

  grpc::Status List(const Metadata& caller, v1::ListMessagesRequest request,
                    v1::ListMessagesResponse* response) {
    response->Clear();
    return stub_->ListMessages(Context(caller).get(), request, response);
  }

  static std::vector<std::string> Texts(const v1::ListMessagesResponse& response) {
    std::vector<std::string> texts;
    for (const v1::Message& message : response.messages())
      texts.push_back(message.text());
    return texts;
  }

  std::string folder_;
  FakeIdentity identity_;
  std::unique_ptr<grpc::Server> identity_server_;
  std::unique_ptr<ChatServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ChatService::Stub> stub_;
  std::unique_ptr<v1::EdgeService::Stub> edge_stub_;
};

// An edge with one thread, under the control of the test.
class TestEdge {
 public:
  explicit TestEdge(v1::EdgeService::Stub& stub) {
    context_.set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
    stream_ = stub.Attach(&context_);
  }
  ~TestEdge() {
    if (ended_) return;
    context_.TryCancel();
    v1::ChatBatch batch;
    while (stream_->Read(&batch)) {
    }
    stream_->Finish();
  }

  void Hello(uint64_t session, const std::string& token) {
    v1::EdgeBatch batch;
    v1::EdgeEvent& event = *batch.add_events();
    event.set_session(session);
    event.mutable_frame()->mutable_hello()->set_token(token);
    stream_->Write(batch);
  }
  void Send(uint64_t session, const std::string& to, const std::string& text,
            const std::string& client_id = "", const std::string& from = "") {
    v1::EdgeBatch batch;
    v1::EdgeEvent& event = *batch.add_events();
    event.set_session(session);
    v1::Send& send = *event.mutable_frame()->mutable_send();
    send.set_to(to);
    send.set_text(text);
    send.set_client_id(client_id);
    send.set_from(from);
    stream_->Write(batch);
  }
  void End(uint64_t session) {
    v1::EdgeBatch batch;
    v1::EdgeEvent& event = *batch.add_events();
    event.set_session(session);
    event.mutable_end();
    stream_->Write(batch);
  }
  void Write(const v1::EdgeBatch& batch) { stream_->Write(batch); }

  // The next delivery, in short: "1: welcome alice", or "end: <status code>".
  std::string Next() {
    while (next_ >= batch_.deliveries_size()) {
      next_ = 0;
      if (!stream_->Read(&batch_)) {
        ended_ = true;
        return absl::StrCat("end: ", static_cast<int>(stream_->Finish().error_code()));
      }
    }
    last = batch_.deliveries(next_++);
    std::string line;
    std::set<uint64_t> ids(last.sessions().begin(), last.sessions().end());
    for (const uint64_t id : ids) absl::StrAppend(&line, line.empty() ? "" : ",", id);
    absl::StrAppend(&line, ": ");
    const v1::ServerFrame& frame = last.frame();
    if (last.has_closed()) {
      absl::StrAppend(&line, "closed ", last.closed().reason());
    } else if (frame.has_welcome()) {
      absl::StrAppend(&line, "welcome ", frame.welcome().user());
    } else if (frame.has_message()) {
      absl::StrAppend(&line, "message ", frame.message().text());
    } else if (frame.has_sent()) {
      absl::StrAppend(&line, "sent ", frame.sent().client_id());
    } else if (frame.has_error()) {
      absl::StrAppend(&line, "error ", frame.error().code());
    } else if (frame.has_presence()) {
      absl::StrAppend(&line, "presence ", frame.presence().user(),
                      frame.presence().active() ? " on" : " off");
    } else if (frame.has_pong()) {
      absl::StrAppend(&line, "pong ", frame.pong().payload());
    }
    if (last.answered() != 0) absl::StrAppend(&line, " answers ", last.answered());
    return line;
  }

  v1::Delivery last;

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::EdgeBatch, v1::ChatBatch>> stream_;
  v1::ChatBatch batch_;
  int next_ = 0;
  bool ended_ = false;
};

TEST_F(ChatServerTest, CreatesUsersForThoseWhoHaveASecret) {
  EXPECT_EQ(Create("bob", "notification-secret").error_code(), grpc::StatusCode::OK);
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

TEST_F(ChatServerTest, KnowsItsCallers) {
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
  EXPECT_NEAR(static_cast<double>(response.expires().seconds()),
              static_cast<double>(absl::ToUnixSeconds(absl::Now() + absl::Minutes(5))),
              5);
  EXPECT_EQ(issue(AsServiceFor("alice")), grpc::StatusCode::OK);
}

TEST_F(ChatServerTest, ATokenOpensOneSession) {
  TestEdge edge(*edge_stub_);
  const std::string token = Token(AsUser("alice"));
  edge.Hello(1, token);
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  EXPECT_EQ(edge.last.frame().welcome().epoch().size(), 32u);
  edge.Hello(2, token);
  EXPECT_EQ(edge.Next(), absl::StrCat("2: closed ", v1::SessionClosed::BAD_TOKEN));
  edge.Hello(3, "nonsense");
  EXPECT_EQ(edge.Next(), absl::StrCat("3: closed ", v1::SessionClosed::BAD_TOKEN));
}

TEST_F(ChatServerTest, AMessageGoesToBothAndIsInTheHistory) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  edge.Hello(2, Token(AsUser("bob")));
  std::set<std::string> opened = {edge.Next(), edge.Next()};
  EXPECT_THAT(opened, ElementsAre("1: presence bob on", "2: welcome bob"));
  edge.Send(1, "bob", "hi", "", "alice");
  EXPECT_EQ(edge.Next(), "1,2: message hi answers 1");
  const v1::Message message = edge.last.frame().message();
  EXPECT_EQ(message.seq(), 1);

  v1::ListMessagesRequest request;
  request.set_with("alice");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("bob"), request, &response).ok());
  ASSERT_EQ(response.messages_size(), 1);
  EXPECT_EQ(response.messages(0).SerializeAsString(), message.SerializeAsString());

  edge.End(2);
  EXPECT_EQ(edge.Next(), "1: presence bob off");
}

TEST_F(ChatServerTest, WrongSendsAreAnsweredWithErrors) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  edge.Send(1, "bob", "hi", "", "mallory");
  EXPECT_EQ(edge.Next(), "1: error wrong_sender answers 1");
  edge.Send(1, "nobody", "hi", "c");
  EXPECT_EQ(edge.Next(), "1: error unknown_recipient answers 1");
  EXPECT_EQ(edge.last.frame().error().client_id(), "c");
  edge.Send(1, "alice", "");
  EXPECT_EQ(edge.Next(), "1: error empty_message answers 1");
}

TEST_F(ChatServerTest, AClientIdIsStoredOnce) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  Token(AsUser("bob"));
  edge.Send(1, "bob", "once", "c1");
  EXPECT_EQ(edge.Next(), "1: sent c1 answers 1");
  const int64_t id = edge.last.frame().sent().id();
  edge.Send(1, "bob", "once", "c1");
  EXPECT_EQ(edge.Next(), "1: sent c1 answers 1");
  EXPECT_EQ(edge.last.frame().sent().id(), id);
  v1::SendMessageResponse response;
  ASSERT_TRUE(Send(AsUser("alice"), "bob", "once", &response, "c1").ok());
  EXPECT_EQ(response.message().id(), id);
}

TEST_F(ChatServerTest, AnEdgeThatBreaksTheProtocolLosesItsStream) {
  const auto ends_invalid = [&](const v1::EdgeBatch& batch) {
    TestEdge edge(*edge_stub_);
    edge.Write(batch);
    std::string line = edge.Next();
    while (line.rfind("end", 0) != 0) line = edge.Next();
    return line ==
           absl::StrCat("end: ", static_cast<int>(grpc::StatusCode::INVALID_ARGUMENT));
  };
  v1::EdgeBatch zero;
  zero.add_events()->mutable_frame()->mutable_hello();
  EXPECT_TRUE(ends_invalid(zero));
  v1::EdgeBatch no_hello;
  no_hello.add_events()->set_session(1);
  no_hello.mutable_events(0)->mutable_frame()->mutable_ping();
  EXPECT_TRUE(ends_invalid(no_hello));
  v1::EdgeBatch nothing;
  nothing.add_events()->set_session(1);
  EXPECT_TRUE(ends_invalid(nothing));
  v1::EdgeBatch twice;
  for (int i = 0; i < 2; ++i) {
    v1::EdgeEvent& event = *twice.add_events();
    event.set_session(1);
    event.mutable_frame()->mutable_hello()->set_token(Token(AsUser("alice")));
  }
  EXPECT_TRUE(ends_invalid(twice));
}

TEST_F(ChatServerTest, TheEndOfAStreamEndsItsSessions) {
  TestEdge watcher(*edge_stub_);
  watcher.Hello(1, Token(AsUser("watcher")));
  EXPECT_EQ(watcher.Next(), "1: welcome watcher");
  {
    TestEdge edge(*edge_stub_);
    edge.Hello(1, Token(AsUser("alice")));
    EXPECT_EQ(edge.Next(), "1: welcome alice");
    EXPECT_EQ(watcher.Next(), "1: presence alice on");
  }
  EXPECT_EQ(watcher.Next(), "1: presence alice off");
}

TEST_F(ChatServerTest, AChangedGroupIsSeenAtTheNextCall) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("red", "red")));
  EXPECT_EQ(edge.Next(), "1: welcome red");
  edge.Hello(2, Token(AsUser("alice", "blue")));
  EXPECT_EQ(edge.Next(), "2: welcome alice");
  Token(AsUser("alice", "red"));
  EXPECT_EQ(edge.Next(), "1: presence alice on");
}

TEST_F(ChatServerTest, HistoryIsPagedInBothDirections) {
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

TEST_F(ChatServerTest, HistoryRefusesWhatItCannotMean) {
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

TEST_F(ChatServerTest, LargeMessagesMakeSmallPages) {
  Token(AsUser("alice"));
  Token(AsUser("bob"));
  server_.reset();
  StartServer();
  v1::SendMessageResponse sent;
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(
        Send(AsUser("alice"), "bob", std::string(kMaxTextBytes, 'x'), &sent).ok());
  }
  v1::ListMessagesRequest request;
  request.set_with("bob");
  v1::ListMessagesResponse response;
  ASSERT_TRUE(List(AsUser("alice"), request, &response).ok());
  EXPECT_EQ(response.messages_size(), 4);
  EXPECT_EQ(response.messages(0).seq(), 1);
}

TEST_F(ChatServerTest, ConnectionsShowTheGroupAndWhoIsThere) {
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

TEST_F(ChatServerTest, ConnectIsASessionOfItsOwn) {
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

TEST_F(ChatServerTest, ConnectBeginsWithHello) {
  const auto context = Context(AsUser("alice"));
  const auto stream = stub_->Connect(context.get());
  v1::ClientFrame frame;
  frame.mutable_ping();
  stream->Write(frame);
  v1::ServerFrame answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ChatServerTest, ConnectRefusesStrangers) {
  const auto context = Context({});
  const auto stream = stub_->Connect(context.get());
  v1::ServerFrame answer;
  EXPECT_FALSE(stream->Read(&answer));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::UNAUTHENTICATED);
}

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
  EXPECT_EQ(edge.Next(), absl::StrCat("1: closed ", v1::SessionClosed::GOING_AWAY));
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

TEST_F(ChatServerTest, TooManyUnansweredSendsAreRefusedAndTheRestStored) {
  TestEdge edge(*edge_stub_);
  edge.Hello(1, Token(AsUser("alice")));
  EXPECT_EQ(edge.Next(), "1: welcome alice");
  v1::EdgeBatch batch;
  constexpr int kSends = 4 * kMaxUnansweredSends;
  for (int i = 0; i < kSends; ++i) {
    v1::EdgeEvent& event = *batch.add_events();
    event.set_session(1);
    event.mutable_frame()->mutable_send()->set_to("alice");
    event.mutable_frame()->mutable_send()->set_text("x");
  }
  edge.Write(batch);
  int stored = 0;
  int refused = 0;
  for (int i = 0; i < kSends; ++i) {
    const std::string line = edge.Next();
    if (line == "1: message x answers 1") ++stored;
    if (line == "1: error overloaded answers 1") ++refused;
  }
  EXPECT_EQ(stored + refused, kSends);
  EXPECT_GE(stored, kMaxUnansweredSends);
}

}  // namespace
}  // namespace chatter::chat
