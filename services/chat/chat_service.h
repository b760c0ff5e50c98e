// ChatService: the calls that users and internal services make.
#ifndef CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_
#define CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "services/chat/authenticator.h"
#include "services/chat/blocking_pool.h"
#include "services/chat/connect_stream.h"
#include "services/chat/session_frames.h"
#include "storage/storage.h"

namespace chatter::chat {

// The callback API; what blocks goes to the pool.
class ChatServiceImpl : public v1::ChatService::CallbackService {
 public:
  ChatServiceImpl(storage::Storage& storage, Authenticator& authenticator,
                  BlockingPool& pool, const SessionServices& services,
                  int messages_limit);

  grpc::ServerUnaryReactor* CreateUser(grpc::CallbackServerContext* context,
                                       const v1::CreateUserRequest* request,
                                       v1::CreateUserResponse* response) override;
  grpc::ServerUnaryReactor* IssueToken(grpc::CallbackServerContext* context,
                                       const v1::IssueTokenRequest* request,
                                       v1::IssueTokenResponse* response) override;
  grpc::ServerUnaryReactor* SendMessage(grpc::CallbackServerContext* context,
                                        const v1::SendMessageRequest* request,
                                        v1::SendMessageResponse* response) override;
  grpc::ServerUnaryReactor* ListMessages(grpc::CallbackServerContext* context,
                                         const v1::ListMessagesRequest* request,
                                         v1::ListMessagesResponse* response) override;
  grpc::ServerUnaryReactor* ListConnections(
      grpc::CallbackServerContext* context, const v1::ListConnectionsRequest* request,
      v1::ListConnectionsResponse* response) override;
  grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>* Connect(
      grpc::CallbackServerContext* context) override;

  // Refuses new calls, UNAVAILABLE, and ignores what comes on Connect streams.
  void StopAccepting() ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the Connect streams, after all that is queued for them; cuts those that have
  // not ended after `patience`.
  void EndStreams(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // Runs `call` with the caller, or ends the reactor with the error.
  void WithCaller(grpc::CallbackServerContext* context, grpc::ServerUnaryReactor* reactor,
                  absl::AnyInvocable<void(UserRef)> call);
  // Runs `call`, which may block, and ends the reactor with its status.
  void Blocking(grpc::ServerUnaryReactor* reactor,
                absl::AnyInvocable<absl::Status()> call);

  absl::Status ReadMessages(const storage::User& caller,
                            const v1::ListMessagesRequest& request,
                            v1::ListMessagesResponse& response);
  absl::Status ReadConnections(const storage::User& caller,
                               const v1::ListConnectionsRequest& request,
                               v1::ListConnectionsResponse& response);
  bool stopping() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<std::shared_ptr<ConnectStream>> Streams() ABSL_LOCKS_EXCLUDED(mutex_);

  storage::Storage& storage_;
  Authenticator& authenticator_;
  BlockingPool& pool_;
  const SessionServices services_;
  const int messages_limit_;

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<ConnectStream*, std::shared_ptr<ConnectStream>> streams_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_
