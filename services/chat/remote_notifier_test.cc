#include "services/chat/remote_notifier.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <future>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "services/notification/notification_service.h"

namespace chatter::chat {
namespace {

// Remembers what it was asked, and answers at once.
class FakeNotifier : public notification::Notifier {
 public:
  void Notify(const notification::Notice& notice, Done done) override {
    recipient = std::string(notice.recipient);
    sender = std::string(notice.sender);
    text = std::string(notice.text);
    created = notice.created;
    done(answer);
  }

  absl::Status answer;
  std::string recipient, sender, text;
  absl::Time created;
};

// From the client to the service and back, over real gRPC.
class RemoteNotifierTest : public testing::Test {
 protected:
  RemoteNotifierTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    remote_ = MakeRemoteNotifier(server_->InProcessChannel({}));
  }
  ~RemoteNotifierTest() override { server_->Shutdown(); }

  absl::Status Notify(const notification::Notice& notice) {
    std::promise<absl::Status> answer;
    remote_->Notify(notice,
                    [&](const absl::Status& status) { answer.set_value(status); });
    return answer.get_future().get();
  }

  FakeNotifier notif_;
  notification::NotificationServiceImpl service_{notif_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<notification::Notifier> remote_;
};

TEST_F(RemoteNotifierTest, CarriesTheNotice) {
  const absl::Time created = absl::FromUnixMicros(1'700'000'000'123'456);
  EXPECT_TRUE(Notify({"bob", "alice", "hello", created}).ok());
  EXPECT_EQ(notif_.recipient, "bob");
  EXPECT_EQ(notif_.sender, "alice");
  EXPECT_EQ(notif_.text, "hello");
  EXPECT_EQ(notif_.created, created);
}

TEST_F(RemoteNotifierTest, SaysWhatWentWrong) {
  const notification::Notice notice{"bob", "alice", "hello", absl::UnixEpoch()};
  notif_.answer = absl::InvalidArgumentError("refused");
  EXPECT_EQ(Notify(notice), notif_.answer);
  notif_.answer = absl::UnavailableError("away");
  EXPECT_EQ(Notify(notice), notif_.answer);
  remote_ = MakeRemoteNotifier(
      grpc::CreateChannel("unix:/nonexistent", grpc::InsecureChannelCredentials()));
  EXPECT_TRUE(absl::IsUnavailable(Notify(notice)));
}

}  // namespace
}  // namespace chatter::chat
