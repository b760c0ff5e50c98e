// Certificates for tests, made on the spot.
#ifndef CHATTER_SERVICES_BASE_TESTING_CERTIFICATES_H_
#define CHATTER_SERVICES_BASE_TESTING_CERTIFICATES_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <utility>

#include "services/base/tls.h"

namespace chatter::testing {

// A CA that signs certificates for a day. Keys are of P-256. What goes wrong ends the
// test.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);

  // Of the CA itself.
  const std::string& pem() const { return pem_; }

  // For `names` as subjectAltName has them: "DNS:localhost,IP:127.0.0.1". The first one
  // can be told apart by `common_name`. For clients as for servers.
  struct Issued {
    std::string certificate;
    std::string key;
  };
  Issued Issue(const std::string& common_name,
               const std::string& names = "DNS:localhost,IP:127.0.0.1") const;

 private:
  std::shared_ptr<EVP_PKEY> key_;
  std::shared_ptr<X509> certificate_;
  std::string pem_;
};

// Replaces the file.
void WriteFile(const std::string& name, const std::string& text);

// Writes <folder>/<name>.crt, .key and .ca: what the CA has issued, and who else it
// trusts.
TlsFiles WriteTlsFiles(const std::string& folder, const std::string& name,
                       const CertificateAuthority::Issued& issued,
                       const CertificateAuthority& trusted);

}  // namespace chatter::testing

#endif  // CHATTER_SERVICES_BASE_TESTING_CERTIFICATES_H_
