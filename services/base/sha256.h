#ifndef CHATTER_SERVICES_BASE_SHA256_H_
#define CHATTER_SERVICES_BASE_SHA256_H_

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace chatter {

using Sha256Hash = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

inline Sha256Hash Sha256(std::string_view data) {
  Sha256Hash hash;
  SHA256(reinterpret_cast<const unsigned char*>(data.data()), data.size(), hash.data());
  return hash;
}

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_SHA256_H_
