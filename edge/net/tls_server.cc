#include "edge/net/tls_server.h"

#include <string_view>

namespace chatter::edge {
namespace {

// With its length, as ALPN has it: RFC 7301 section 3.1.
constexpr std::string_view kProtocol = "\x08http/1.1";
constexpr size_t kTickets = 1;

int ChooseProtocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                   const unsigned char* offered, unsigned int offered_size, void*) {
  unsigned char* ours;
  if (SSL_select_next_proto(&ours, chosen_size,
                            reinterpret_cast<const unsigned char*>(kProtocol.data()),
                            static_cast<unsigned int>(kProtocol.size()), offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *chosen = ours;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsServerContext(const TlsFiles& files) {
  auto context = MakeTlsContext(TLS_server_method(), files);
  if (!context.ok()) return context;
  SSL_CTX_set_alpn_select_cb(context->get(), ChooseProtocol, nullptr);
  SSL_CTX_set_num_tickets(context->get(), kTickets);
  return context;
}

}  // namespace chatter::edge
