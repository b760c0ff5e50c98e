#ifndef CHATTER_TOOLS_STANDINS_JWT_H_
#define CHATTER_TOOLS_STANDINS_JWT_H_

#include <openssl/evp.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace chatter::standins {

// Signs uacl's tokens (JSON web tokens, RS256) and knows its own again. Thread-safe.
class JwtSigner {
 public:
  struct Claims {
    std::string name;
    std::string username;
    std::string user_group;
    absl::Time expires;     // exp, in whole seconds
    absl::Time not_before;  // nbf
    absl::Time issued;      // iss: uacl puts the time here, as a number
  };

  // With a fresh 2048-bit key.
  static absl::StatusOr<JwtSigner> Generate();
  // INVALID_ARGUMENT when `pem` is no RSA private key.
  static absl::StatusOr<JwtSigner> FromPem(const std::string& pem);

  // The private key, PKCS #8 PEM.
  std::string ToPem() const;

  std::string Sign(const Claims& claims) const;

  // UNAUTHENTICATED when the token is not ours, has expired at `now`, or is not good yet.
  absl::StatusOr<Claims> Verify(absl::string_view token, absl::Time now) const;

 private:
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

  explicit JwtSigner(Key key) : key_(std::move(key)) {}

  Key key_;
};

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_JWT_H_
