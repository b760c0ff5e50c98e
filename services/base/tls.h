// Certificates, and the rules of TLS that all of ours keep.
#ifndef CHATTER_SERVICES_BASE_TLS_H_
#define CHATTER_SERVICES_BASE_TLS_H_

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace chatter {

// Names of PEM files.
struct TlsFiles {
  std::string certificate;  // with those that lead to its CA behind it
  std::string key;
  std::string ca;  // whose certificates peers must have; empty: they need none

  bool given() const { return !certificate.empty(); }
};

// What the files hold.
struct TlsPems {
  std::string certificate;
  std::string key;
  std::string ca;
};

// kInvalidArgument, in one line: a file cannot be read or understood, or the key does not
// fit. So what comes out can be used.
absl::StatusOr<TlsPems> ReadTlsPems(const TlsFiles& files);

// For `TLS_server_method()` or `TLS_client_method()`, with the files' certificates: TLS
// 1.2 and 1.3 with forward secrecy and authenticated encryption only, without compression
// and renegotiation; sessions are not kept. For non-blocking sockets; a write may move,
// and be taken in part. Errors as above.
absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsContext(const SSL_METHOD* method,
                                                        const TlsFiles& files);

// What `--check` says of them.
absl::StatusOr<std::string> CheckTls(const TlsFiles& files);

// Logs how reading the certificates anew went.
void LogReload(const absl::Status& status);

// What OpenSSL has to say on this thread, in words. Forgets it.
std::string TakeTlsError();

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_TLS_H_
