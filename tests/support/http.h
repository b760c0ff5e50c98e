// HTTP as a client sees it.
#ifndef CHATTER_TESTS_SUPPORT_HTTP_H_
#define CHATTER_TESTS_SUPPORT_HTTP_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/net.h"

namespace chatter::testing {

struct HttpReply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// `headers` as lines: "Name: value".
using HeaderLines = std::vector<std::string>;

std::string RequestText(std::string_view method, std::string_view target,
                        const HeaderLines& headers = {}, std::string_view body = "");

// One keep-alive connection.
class HttpConnection {
 public:
  explicit HttpConnection(const Server& server, int receive_buffer_bytes = 0)
      : tcp_(server, receive_buffer_bytes) {}

  TcpClient& tcp() { return tcp_; }
  // nullopt when the server closes instead.
  std::optional<HttpReply> Read(bool head = false);
  HttpReply Ask(std::string_view method, std::string_view target,
                const HeaderLines& headers = {}, std::string_view body = "");
  // What came behind the last reply.
  std::string TakeRest();

 private:
  TcpClient tcp_;
  std::string buffer_;
};

// On a connection of its own.
HttpReply Ask(const Server& server, std::string_view method, std::string_view target,
              const HeaderLines& headers = {}, std::string_view body = "");

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_HTTP_H_
