#ifndef CHATTER_EDGE_WS_HANDSHAKE_H_
#define CHATTER_EDGE_WS_HANDSHAKE_H_

#include <optional>
#include <string>

#include "edge/http/answer.h"
#include "edge/http/request.h"

namespace chatter::edge {

// What is wrong with the handshake (RFC 6455 section 4.2.1), or with where it comes from;
// nullopt when only its token is left to be looked at. Version 13 alone.
std::optional<HttpAnswer> RefuseHandshake(const HttpRequest& request,
                                          const CorsPolicy& cors);

// The answer that makes the connection a WebSocket (RFC 6455 section 4.2.2), without
// subprotocol or extensions, to a request that was not refused.
std::string AcceptHandshake(const HttpRequest& request);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_WS_HANDSHAKE_H_
