#include "services/chat/chat_server.h"

#include <grpcpp/server_builder.h>

#include <algorithm>
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
                       const ChatServerOptions& options, ChatMetrics& metrics,
                       const Clock& clock)
    : clock_(clock),
      metrics_(metrics),
      storage_(
          std::make_unique<CountedStorage>(std::move(storage), metrics.storage_errors)),
      registry_(metrics.deliveries),
      outbox_(*storage_, options.notifier, metrics.notifications, clock),
      pool_(kBlockingThreads, kBlockingWaiting),
      users_(*storage_, registry_, pool_),
      tokens_(*storage_, metrics, clock),
      append_queue_(*storage_, users_, registry_, outbox_, options.notify_policy, metrics,
                    clock),
      authenticator_(options.secrets, *options.identity, users_, metrics.refusals),
      message_rate_(options.message_rate, clock),
      services_{registry_,     append_queue_, tokens_,          users_,
                message_rate_, metrics,       storage_->epoch()},
      chat_service_(loop_, *storage_, authenticator_, pool_, services_,
                    options.messages_limit),
      edge_service_(loop_, services_),
      storage_check_(*storage_, clock) {}

absl::StatusOr<std::unique_ptr<ChatServer>> ChatServer::Start(
    std::unique_ptr<storage::Storage> storage, const ChatServerOptions& options,
    ChatMetrics& metrics, const Clock& clock) {
  std::unique_ptr<ChatServer> chat(
      new ChatServer(std::move(storage), options, metrics, clock));
  grpc::ServerBuilder builder;
  chat->chat_service_.AddTo(builder);
  chat->edge_service_.AddTo(builder);
  chat->loop_.AddTo(builder);
  absl::StatusOr<std::unique_ptr<RunningGrpcServer>> running =
      StartGrpcServer(builder, options.listen, options.security);
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
  storage_->BeginStop();
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

std::vector<prometheus::MetricFamily> ChatServer::Collect() const {
  const AppendQueue::Load queue = append_queue_.load();
  const absl::StatusOr<storage::OutboxState> outbox = storage_check_.Look();
  ChatState state;
  state.users_online = registry_.CountOnline();
  state.attach_streams = edge_service_.streams();
  state.append_queue_messages = queue.items;
  state.append_queue_bytes = queue.weight;
  state.append_queue_limit_bytes = AppendQueue::kMaxWaitingBytes;
  state.storage_up = outbox.ok();
  if (outbox.ok()) {
    state.outbox_waiting = outbox->waiting;
    state.outbox_oldest_due_age =
        std::max(clock_.Now() - outbox->oldest_due.value_or(absl::InfiniteFuture()),
                 absl::ZeroDuration());
  }
  return Describe(metrics_, state);
}

std::string ChatServer::WhyNotReady() const {
  const absl::Status status = storage_check_.Look().status();
  return status.ok() ? "" : "storage: " + std::string(status.message());
}

}  // namespace chatter::chat
