#ifndef CHATTER_TOOLS_LOADGEN_HTTP_CONNECTION_H_
#define CHATTER_TOOLS_LOADGEN_HTTP_CONNECTION_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/http_response.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/tcp_connection.h"

namespace chatter::loadgen {

// One request at a time on a connection that is kept, and opened when there is none.
class HttpConnection : public TcpConnection::Owner {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The response is valid until it returns; the next request may be made from here. An
    // error: there is no answer.
    virtual void OnResponse(const absl::StatusOr<HttpResponse>& response) = 0;
  };

  // `target` must live on. `from`: the local address, in host order; 0: any.
  HttpConnection(EventLoop& loop, const Target& target, uint32_t from, Owner& owner)
      : tcp_(loop, *this), target_(target), from_(from), owner_(owner) {}

  // `request` must be valid until the response: see RequestText.
  void Ask(std::string_view request);
  // The next request opens a new one.
  void Close();

 private:
  void OnConnected() override;
  size_t OnBytes(std::string_view bytes) override;
  void OnDisconnected(const absl::Status& why) override;

  TcpConnection tcp_;
  const Target& target_;
  const uint32_t from_;
  Owner& owner_;
  std::string_view request_;
  bool asking_ = false;
};

// A GET, or a POST when there is a body. `bearer` may be empty.
std::string RequestText(const Target& target, std::string_view path,
                        std::string_view bearer, std::string_view body = "");

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_HTTP_CONNECTION_H_
