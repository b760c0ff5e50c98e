#ifndef CHATTER_SERVICES_CHAT_TESTING_CHAT_SERVER_FIXTURE_H_
#define CHATTER_SERVICES_CHAT_TESTING_CHAT_SERVER_FIXTURE_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"
#include "services/chat/chat_server.h"
#include "services/identity/identity_provider.h"

namespace chatter::chat {

inline constexpr char kServiceSecret[] = "service-secret";
inline constexpr char kNotificationSecret[] = "notification-secret";

using Metadata = std::vector<std::pair<std::string, std::string>>;

Metadata AsUser(const std::string& name, const std::string& group = "g");
Metadata AsServiceFor(const std::string& name);

// For a call with these metadata, which may take 20 s.
std::unique_ptr<grpc::ClientContext> Context(const Metadata& metadata);

// Knows the bearer tokens "Bearer <user>/<group>". "Bearer refused" is nobody's, at
// "Bearer down" it is away, and "Bearer late" it refuses when it is told to.
class FakeIdentity : public identity::IdentityProvider {
 public:
  void Verify(const std::string& authorization, Done done) override;

  void AwaitLate() { asked_late_.WaitForNotification(); }
  void AnswerLate();

 private:
  absl::Notification asked_late_;  // once
  Done late_;
};

// The whole chat service in one process: real gRPC, real SQLite, and a clock that stands
// still.
class ChatServerFixture : public testing::Test {
 protected:
  ChatServerFixture();
  ~ChatServerFixture() override;

  // Again and again on the same database. The one before must be gone.
  void StartServer(int messages_limit = 1000, int message_rate = 0);

  // Also makes the user known.
  std::string Token(const Metadata& caller);
  grpc::Status Send(const Metadata& caller, const std::string& to,
                    const std::string& text, v1::SendMessageResponse* response,
                    const std::string& client_id = "");
  grpc::Status List(const Metadata& caller, const v1::ListMessagesRequest& request,
                    v1::ListMessagesResponse* response);

  FakeClock clock_;
  ChatMetrics metrics_;  // of all its servers
  std::string folder_;
  FakeIdentity identity_;
  std::unique_ptr<ChatServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::ChatService::Stub> stub_;
  std::unique_ptr<v1::EdgeService::Stub> edge_stub_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_TESTING_CHAT_SERVER_FIXTURE_H_
