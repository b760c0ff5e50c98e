#ifndef CHATTER_SERVICES_BASE_CONSTANT_TIME_H_
#define CHATTER_SERVICES_BASE_CONSTANT_TIME_H_

#include <openssl/crypto.h>

#include <string_view>

#include "services/base/sha256.h"

namespace chatter {

// Compares secrets of any lengths in a time that tells nothing about where they differ,
// nor how long the expected one is.
inline bool ConstantTimeEquals(std::string_view given, std::string_view expected) {
  const Sha256Hash a = Sha256(given);
  const Sha256Hash b = Sha256(expected);
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_CONSTANT_TIME_H_
