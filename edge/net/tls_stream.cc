#include "edge/net/tls_stream.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "glog/logging.h"
#include "services/base/tls.h"

namespace chatter::edge {
namespace {

// Of plaintext in one record: RFC 8446 section 5.1.
constexpr size_t kMaxRecordBytes = 16 << 10;
constexpr std::string_view kPlainHttpAnswer =
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: 29\r\n"
    "Connection: close\r\n\r\nThis port is for https only.\n";

}  // namespace

TlsStream::TlsStream(SSL_CTX* context, int socket) : ssl_(SSL_new(context)) {
  CHECK(ssl_ != nullptr && SSL_set_fd(ssl_.get(), socket) == 1) << TakeTlsError();
  if (SSL_is_server(ssl_.get()) != 0) {
    SSL_set_accept_state(ssl_.get());
  } else {
    SSL_set_connect_state(ssl_.get());
  }
}

void TlsStream::ExpectPeer(const std::string& host) {
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) == 1) return;
  ERR_clear_error();
  CHECK_EQ(SSL_set1_host(ssl_.get(), host.c_str()), 1);
  CHECK_EQ(SSL_set_tlsext_host_name(ssl_.get(), host.c_str()), 1);
}

TlsStream::Outcome TlsStream::Handshake(std::string& error) {
  ERR_clear_error();
  errno = 0;
  const int result = SSL_do_handshake(ssl_.get());
  if (result != 1) {
    const int system_error = errno;
    const Outcome outcome = Explain(result);
    may_have_more_ = outcome == Outcome::kWantsWrite;
    if (outcome == Outcome::kGone) error = HandshakeError(system_error);
    return outcome;
  }
  established_ = true;
  // What came behind the handshake has been read with it.
  may_have_more_ = true;
  return Outcome::kDone;
}

std::string TlsStream::HandshakeError(int system_error) const {
  const long verified = SSL_get_verify_result(ssl_.get());  // NOLINT: OpenSSL's type
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  const int reason = ERR_GET_REASON(ERR_peek_last_error());
  if (reason == 0) return system_error != 0 ? std::strerror(system_error) : "closed";
  if (reason == SSL_R_HTTP_REQUEST) {
    send(SSL_get_fd(ssl_.get()), kPlainHttpAnswer.data(), kPlainHttpAnswer.size(),
         MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  return TakeTlsError();
}

TlsStream::Outcome TlsStream::Read(absl::Span<char> buffer, size_t& size) {
  size = 0;
  Outcome outcome = Outcome::kDone;
  while (size < buffer.size() && outcome == Outcome::kDone) {
    ERR_clear_error();
    size_t bytes = 0;
    const int result =
        SSL_read_ex(ssl_.get(), buffer.data() + size, buffer.size() - size, &bytes);
    size += bytes;
    if (result != 1) outcome = Explain(result);
  }
  // An end behind these bytes shows again at the next read.
  may_have_more_ = outcome != Outcome::kWantsRead;
  return size > 0 ? Outcome::kDone : outcome;
}

TlsStream::Outcome TlsStream::Write(std::string_view bytes, size_t& size) {
  size = 0;
  const size_t most =
      stuck_bytes_ > 0 ? stuck_bytes_ : std::min(bytes.size(), kMaxRecordBytes);
  ERR_clear_error();
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), most, &size);
  if (result == 1) {
    stuck_bytes_ = 0;
    return Outcome::kDone;
  }
  const Outcome outcome = Explain(result);
  if (outcome == Outcome::kWantsWrite) {
    stuck_bytes_ = most;
    return outcome;
  }
  // Without renegotiation a write has nothing to read.
  return Outcome::kGone;
}

TlsStream::Outcome TlsStream::Explain(int result) {
  const int error = SSL_get_error(ssl_.get(), result);
  if (error == SSL_ERROR_WANT_READ) return Outcome::kWantsRead;
  if (error == SSL_ERROR_WANT_WRITE) return Outcome::kWantsWrite;
  broken_ = error != SSL_ERROR_ZERO_RETURN;
  return Outcome::kGone;
}

void TlsStream::SendEnd() {
  if (!established_ || broken_) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

}  // namespace chatter::edge
