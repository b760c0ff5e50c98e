// The calls that an edge makes for its REST clients.
#ifndef CHATTER_EDGE_LINK_CHAT_CLIENT_H_
#define CHATTER_EDGE_LINK_CHAT_CLIENT_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "chatter/v1/chat.pb.h"
#include "edge/link/chat_connection.h"

namespace chatter::edge {

// To the chat service. Every call ends within 10 s; while there is no connection it ends
// at once, kUnavailable. `done` runs once, never before the call returns, in the
// RequestScope of the call, whose id goes along. Of the thread of the connection's loop.
class ChatClient {
 public:
  template <typename Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  virtual ~ChatClient() = default;

  // `authorization`: the request's header, for the chat service to judge.
  virtual void CreateUser(const std::string& authorization, v1::CreateUserRequest request,
                          Done<v1::CreateUserResponse> done) = 0;
  virtual void IssueToken(const std::string& authorization, v1::IssueTokenRequest request,
                          Done<v1::IssueTokenResponse> done) = 0;
  virtual void ListMessages(const std::string& authorization,
                            v1::ListMessagesRequest request,
                            Done<v1::ListMessagesResponse> done) = 0;
  virtual void ListConnections(const std::string& authorization,
                               v1::ListConnectionsRequest request,
                               Done<v1::ListConnectionsResponse> done) = 0;
};

// Its destructor cancels the calls on their way, whose `done` may then never run.
std::unique_ptr<ChatClient> MakeChatClient(ChatConnection& connection);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_CHAT_CLIENT_H_
