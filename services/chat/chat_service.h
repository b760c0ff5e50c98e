// ChatService: the calls that users and internal services make.
#ifndef CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_
#define CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_

#include <grpcpp/server_builder.h>

#include <atomic>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "services/chat/authenticator.h"
#include "services/chat/blocking_pool.h"
#include "services/chat/connect_stream.h"
#include "services/chat/rpc_loop.h"
#include "services/chat/session_frames.h"
#include "services/chat/stream_server.h"
#include "services/chat/unary_method.h"
#include "storage/storage.h"

namespace chatter::chat {

// Calls are taken on the loop's thread; what blocks goes to the pool. Outlives the loop's
// thread.
class ChatServiceImpl {
 public:
  ChatServiceImpl(RpcLoop& loop, storage::Storage& storage, Authenticator& authenticator,
                  BlockingPool& pool, const SessionServices& services,
                  int messages_limit);

  void AddTo(grpc::ServerBuilder& builder) { builder.RegisterService(&service_); }
  // Once the server is built.
  void Start();

  // Refuses new calls, UNAVAILABLE, and ignores what comes on Connect streams.
  void StopAccepting();
  // Ends the Connect streams, after all that is queued for them; cuts those that have
  // not ended after `patience`.
  void EndStreams(absl::Duration patience) { connect_.EndStreams(patience); }

 private:
  using Service = v1::ChatService::AsyncService;
  template <typename Request, typename Response>
  using Method = UnaryMethod<Service, Request, Response>;
  using CreateUserMethod = Method<v1::CreateUserRequest, v1::CreateUserResponse>;
  using IssueTokenMethod = Method<v1::IssueTokenRequest, v1::IssueTokenResponse>;
  using SendMessageMethod = Method<v1::SendMessageRequest, v1::SendMessageResponse>;
  using ListMessagesMethod = Method<v1::ListMessagesRequest, v1::ListMessagesResponse>;
  using ListConnectionsMethod =
      Method<v1::ListConnectionsRequest, v1::ListConnectionsResponse>;

  void CreateUser(CreateUserMethod::Call& call);
  void IssueToken(IssueTokenMethod::Call& call);
  void SendMessage(SendMessageMethod::Call& call);
  void ListMessages(ListMessagesMethod::Call& call);
  void ListConnections(ListConnectionsMethod::Call& call);

  // Runs `work` with the caller, or finishes the call with the error.
  template <typename Call, typename Work>
  void WithCaller(Call& call, Work work);
  // Runs `work`, which may block, and finishes the call with its status.
  template <typename Call>
  void Blocking(Call& call, absl::AnyInvocable<absl::Status()> work);

  absl::Status ReadMessages(const storage::User& caller,
                            const v1::ListMessagesRequest& request,
                            v1::ListMessagesResponse& response);
  absl::Status ReadConnections(const storage::User& caller,
                               const v1::ListConnectionsRequest& request,
                               v1::ListConnectionsResponse& response);

  storage::Storage& storage_;
  Authenticator& authenticator_;
  BlockingPool& pool_;
  const SessionServices services_;
  const int messages_limit_;
  std::atomic<bool> stopping_{false};

  Service service_;
  CreateUserMethod create_user_;
  IssueTokenMethod issue_token_;
  SendMessageMethod send_message_;
  ListMessagesMethod list_messages_;
  ListConnectionsMethod list_connections_;
  StreamServer<ConnectStream> connect_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_SERVICE_H_
