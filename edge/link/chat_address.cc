#include "edge/link/chat_address.h"

#include <sys/un.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace chatter::edge {

absl::StatusOr<ChatAddress> ParseChatAddress(const std::string& target,
                                             const TlsFiles& tls,
                                             const std::string& tls_name) {
  absl::string_view rest = target;
  if (absl::ConsumePrefix(&rest, "unix:")) {
    constexpr size_t kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
    if (rest.empty() || rest.size() > kMaxPath) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", target, "': a path has 1 to ", kMaxPath, " bytes"));
    }
    if (tls.given()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", target, "': CHAT_TLS_CERT is for host:port, not for a path"));
    }
    return ChatAddress{std::string(rest), "", ""};
  }
  const size_t colon = target.rfind(':');
  uint32_t port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(target.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", target, "': want host:port or unix:<path>"));
  }
  absl::string_view host = rest.substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  if (tls.given()) {
    if (absl::Status read = ReadTlsPems(tls).status(); !read.ok()) return read;
  }
  return ChatAddress{"", std::string(host), absl::StrCat(port), tls,
                     tls_name.empty() ? std::string(host) : tls_name};
}

}  // namespace chatter::edge
