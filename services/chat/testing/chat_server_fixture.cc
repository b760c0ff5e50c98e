#include "services/chat/testing/chat_server_fixture.h"

#include <grpcpp/create_channel.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "storage/open.h"

namespace chatter::chat {

Metadata AsUser(const std::string& name, const std::string& group) {
  return {{"authorization", absl::StrCat("Bearer ", name, "/", group)}};
}

Metadata AsServiceFor(const std::string& name) {
  return {{"authorization", kServiceSecret}, {"x-chatter-user", name}};
}

std::unique_ptr<grpc::ClientContext> Context(const Metadata& metadata) {
  auto context = std::make_unique<grpc::ClientContext>();
  for (const auto& [key, value] : metadata) context->AddMetadata(key, value);
  context->set_deadline(absl::ToChronoTime(absl::Now() + absl::Seconds(20)));
  return context;
}

void FakeIdentity::Verify(const std::string& authorization, Done done) {
  absl::string_view rest = authorization;
  if (!absl::ConsumePrefix(&rest, "Bearer ") || rest == "refused") {
    return done(absl::UnauthenticatedError("no"));
  }
  if (rest == "down") return done(absl::UnavailableError("away"));
  if (rest == "late") {
    late_ = std::move(done);
    return asked_late_.Notify();
  }
  const std::pair<std::string, std::string> user =
      absl::StrSplit(rest, absl::MaxSplits('/', 1));
  done(identity::Identity{user.first, user.first, user.second});
}

void FakeIdentity::AnswerLate() {
  std::exchange(late_, nullptr)(absl::UnauthenticatedError("no"));
}

ChatServerFixture::ChatServerFixture()
    : folder_(testing::TempDir() + "/chat_server_XXXXXX") {
  EXPECT_NE(mkdtemp(folder_.data()), nullptr);
  StartServer();
}

ChatServerFixture::~ChatServerFixture() {
  server_.reset();
  std::filesystem::remove_all(folder_);
}

void ChatServerFixture::StartServer(int messages_limit, int message_rate) {
  auto storage = storage::Open(absl::StrCat("sqlite:", folder_, "/chatter.db"));
  ASSERT_TRUE(storage.ok()) << storage.status();
  ChatServerOptions options;
  options.listen = {"127.0.0.1:0"};
  options.secrets = {kServiceSecret, kNotificationSecret};
  options.identity = &identity_;
  options.messages_limit = messages_limit;
  options.message_rate = message_rate;
  auto server = ChatServer::Start(*std::move(storage), options, metrics_, clock_);
  ASSERT_TRUE(server.ok()) << server.status();
  server_ = *std::move(server);
  channel_ = grpc::CreateChannel(server_->addresses().front(),
                                 grpc::InsecureChannelCredentials());
  stub_ = v1::ChatService::NewStub(channel_);
  edge_stub_ = v1::EdgeService::NewStub(channel_);
}

std::string ChatServerFixture::Token(const Metadata& caller) {
  v1::IssueTokenResponse response;
  const grpc::Status status =
      stub_->IssueToken(Context(caller).get(), v1::IssueTokenRequest(), &response);
  EXPECT_TRUE(status.ok()) << status.error_message();
  return response.token();
}

grpc::Status ChatServerFixture::Send(const Metadata& caller, const std::string& to,
                                     const std::string& text,
                                     v1::SendMessageResponse* response,
                                     const std::string& client_id) {
  v1::SendMessageRequest request;
  request.mutable_send()->set_to(to);
  request.mutable_send()->set_text(text);
  request.mutable_send()->set_client_id(client_id);
  return stub_->SendMessage(Context(caller).get(), request, response);
}

grpc::Status ChatServerFixture::List(const Metadata& caller,
                                     const v1::ListMessagesRequest& request,
                                     v1::ListMessagesResponse* response) {
  response->Clear();
  return stub_->ListMessages(Context(caller).get(), request, response);
}

}  // namespace chatter::chat
