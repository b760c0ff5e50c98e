// The REST endpoints: contract, "Endpoints".
#ifndef CHATTER_EDGE_HTTP_REST_H_
#define CHATTER_EDGE_HTTP_REST_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/random/random.h"
#include "edge/http/answer.h"
#include "edge/http/request.h"
#include "edge/http/static_files.h"
#include "edge/link/chat_client.h"

namespace chatter::edge {

// Answers requests by asking the chat service. Of one edge thread.
class Rest {
 public:
  // Called once, from Handle or later on the same thread. The request may be gone.
  using Done = std::function<void(HttpAnswer)>;

  Rest(ChatClient& chat, const StaticFiles& files) : chat_(chat), files_(files) {}

  void Handle(const HttpRequest& request, Done done);

 private:
  std::string RequestId(const HttpRequest& request);
  void CreateUser(const HttpRequest& request, Done done);
  void IssueToken(const HttpRequest& request, Done done);
  void ListMessages(const HttpRequest& request, Done done);
  void ListConnections(const HttpRequest& request, Done done);

  ChatClient& chat_;
  const StaticFiles& files_;
  absl::BitGen random_;
};

// The path of WebSockets, which the connection itself handles when the method is GET.
inline constexpr char kWebSocketPath[] = "/ws";

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_REST_H_
