#include "services/chat/chat_server.h"

#include <grpcpp/server_builder.h>

#include <utility>

namespace chatter::chat {
namespace {

constexpr int kBlockingThreads = 4;
constexpr int kBlockingWaiting = 1'000;
// How long clients may take to read what is left for them when the service stops.
constexpr absl::Duration kStreamPatience = absl::Seconds(3);
constexpr absl::Duration kCallPatience = absl::Seconds(3);

}  // namespace

ChatServer::ChatServer(std::unique_ptr<storage::Storage> storage,
                       const ChatServerOptions& options, const Clock& clock)
    : storage_(std::move(storage)),
      outbox_(*storage_, options.notification, clock),
      pool_(kBlockingThreads, kBlockingWaiting),
      users_(*storage_, registry_, pool_),
      tokens_(*storage_, clock),
      append_queue_(*storage_, users_, registry_, outbox_, options.notify_policy, clock),
      authenticator_(options.secrets, options.identity, users_),
      message_rate_(options.message_rate, clock),
      services_{registry_, append_queue_, tokens_,
                users_,    message_rate_, storage_->epoch()},
      chat_service_(loop_, *storage_, authenticator_, pool_, services_,
                    options.messages_limit),
      edge_service_(loop_, services_) {}

absl::StatusOr<std::unique_ptr<ChatServer>> ChatServer::Start(
    std::unique_ptr<storage::Storage> storage, const ChatServerOptions& options,
    const Clock& clock) {
  std::unique_ptr<ChatServer> chat(new ChatServer(std::move(storage), options, clock));
  grpc::ServerBuilder builder;
  chat->chat_service_.AddTo(builder);
  chat->edge_service_.AddTo(builder);
  chat->loop_.AddTo(builder);
  absl::StatusOr<std::unique_ptr<RunningGrpcServer>> running =
      StartGrpcServer(builder, options.listen);
  if (!running.ok()) return running.status();
  chat->server_ = *std::move(running);
  chat->chat_service_.Start();
  chat->edge_service_.Start();
  chat->loop_.Start();
  return chat;
}

ChatServer::~ChatServer() { Stop(); }

void ChatServer::Stop() {
  if (server_ == nullptr) return;
  server_->SayNotServing();
  chat_service_.StopAccepting();
  edge_service_.StopReading();
  tokens_.Drain();
  append_queue_.Drain();
  registry_.StopPresence();
  edge_service_.EndStreams(kStreamPatience);
  chat_service_.EndStreams(kStreamPatience);
  loop_.AwaitCalls(kCallPatience);
  // With nothing left to answer, there is nothing to wait for at idle connections.
  server_->Shutdown(absl::ZeroDuration());
  loop_.Shutdown();
  server_.reset();
  outbox_.Stop();
}

}  // namespace chatter::chat
