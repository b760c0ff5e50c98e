#ifndef CHATTER_EDGE_NET_TLS_SERVER_H_
#define CHATTER_EDGE_NET_TLS_SERVER_H_

#include <openssl/ssl.h>

#include <memory>

#include "absl/status/statusor.h"
#include "services/base/tls.h"

namespace chatter::edge {

// For sockets whose clients speak HTTP/1.1. Sessions are resumed by tickets, which a new
// context does not know. Errors as MakeTlsContext's.
absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsServerContext(const TlsFiles& files);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_TLS_SERVER_H_
