// The chat service as a whole: its parts, put together, started and stopped in order.
#ifndef CHATTER_SERVICES_CHAT_CHAT_SERVER_H_
#define CHATTER_SERVICES_CHAT_CHAT_SERVER_H_

#include <prometheus/collectable.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/clock.h"
#include "services/base/grpc_server.h"
#include "services/chat/append_queue.h"
#include "services/chat/authenticator.h"
#include "services/chat/blocking_pool.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/chat_service.h"
#include "services/chat/counted_storage.h"
#include "services/chat/edge_service.h"
#include "services/chat/message_rate.h"
#include "services/chat/outbox.h"
#include "services/chat/rpc_loop.h"
#include "services/chat/session_registry.h"
#include "services/chat/storage_check.h"
#include "services/chat/user_directory.h"
#include "services/chat/ws_tokens.h"
#include "services/identity/identity_provider.h"
#include "services/notification/notifier.h"
#include "storage/storage.h"

namespace chatter::chat {

struct ChatServerOptions {
  std::vector<std::string> listen;  // host:port, or unix:<path>
  GrpcSecurity security;
  Secrets secrets;
  identity::IdentityProvider* identity = nullptr;
  notification::Notifier* notifier = nullptr;  // null: notifications are off
  NotifyPolicy notify_policy = NotifyPolicy::kAlways;
  int messages_limit = 1000;
  int message_rate = 0;  // of a user, a second; 0: no limit
};

class ChatServer : public prometheus::Collectable {
 public:
  // Listens when it returns. The metrics, the clock, identity and notifier must outlive
  // the server.
  static absl::StatusOr<std::unique_ptr<ChatServer>> Start(
      std::unique_ptr<storage::Storage> storage, const ChatServerOptions& options,
      ChatMetrics& metrics, const Clock& clock = Clock::Real());

  // Ends as Stop does.
  ~ChatServer() override;

  // Where it listens, with the real port numbers.
  const std::vector<std::string>& addresses() const { return server_->addresses(); }

  // See GrpcServerTls::Reload. Only with TLS.
  absl::Status ReloadCertificate() { return server_->ReloadCertificate(); }

  // Takes nothing new, stores and answers everything taken before, tells the sessions
  // that they are over, and ends. Takes at most about 20 s. Once, on one thread.
  void Stop();

  // The metrics, and what they say of now. Both block for a second at most, when the
  // storage does not answer; on any thread, also while it stops.
  std::vector<prometheus::MetricFamily> Collect() const override;
  // Why no message can be stored now; empty when it can.
  std::string WhyNotReady() const;

 private:
  ChatServer(std::unique_ptr<storage::Storage> storage, const ChatServerOptions& options,
             ChatMetrics& metrics, const Clock& clock);

  const Clock& clock_;
  ChatMetrics& metrics_;
  const std::unique_ptr<CountedStorage> storage_;
  SessionRegistry registry_;
  Outbox outbox_;
  RpcLoop loop_;  // before all whose threads answer calls
  BlockingPool pool_;
  UserDirectory users_;
  WsTokens tokens_;
  AppendQueue append_queue_;
  Authenticator authenticator_;
  const MessageRate message_rate_;
  const SessionServices services_;
  ChatServiceImpl chat_service_;
  EdgeServiceImpl edge_service_;
  std::unique_ptr<RunningGrpcServer> server_;
  mutable StorageCheck storage_check_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_SERVER_H_
