#include "services/base/utf8.h"

#include <cstdint>
#include <cstring>

namespace chatter {

std::optional<size_t> CountCharacters(std::string_view text) {
  size_t characters = 0;
  for (size_t i = 0; i < text.size(); ++characters) {
    // Most texts are ASCII for the most part: eight bytes at once.
    uint64_t bytes;
    while (i + sizeof(bytes) <= text.size()) {
      std::memcpy(&bytes, text.data() + i, sizeof(bytes));
      if ((bytes & 0x8080808080808080) != 0) break;
      characters += sizeof(bytes);
      i += sizeof(bytes);
    }
    if (i == text.size()) break;
    const uint8_t lead = static_cast<uint8_t>(text[i++]);
    if (lead < 0x80) continue;
    int following;
    uint32_t scalar;
    if ((lead & 0xE0) == 0xC0) {
      following = 1;
      scalar = lead & 0x1F;
    } else if ((lead & 0xF0) == 0xE0) {
      following = 2;
      scalar = lead & 0x0F;
    } else if ((lead & 0xF8) == 0xF0) {
      following = 3;
      scalar = lead & 0x07;
    } else {
      return std::nullopt;
    }
    for (int k = 0; k < following; ++k, ++i) {
      if (i == text.size() || (static_cast<uint8_t>(text[i]) & 0xC0) != 0x80) {
        return std::nullopt;
      }
      scalar = scalar << 6 | (static_cast<uint8_t>(text[i]) & 0x3F);
    }
    constexpr uint32_t kSmallest[] = {0, 0x80, 0x800, 0x10000};
    if (scalar < kSmallest[following] || scalar > 0x10FFFF ||
        (scalar >= 0xD800 && scalar <= 0xDFFF)) {
      return std::nullopt;
    }
  }
  return characters;
}

bool HasControlCharacter(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const uint8_t byte = static_cast<uint8_t>(text[i]);
    if (byte < 0x20 || byte == 0x7F) return true;
    // U+0080 to U+009F are C2 80 to C2 9F.
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<uint8_t>(text[i + 1]) < 0xA0) {
      return true;
    }
  }
  return false;
}

}  // namespace chatter
