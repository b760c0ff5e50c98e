#ifndef CHATTER_SERVICES_BASE_UTF8_H_
#define CHATTER_SERVICES_BASE_UTF8_H_

#include <cstddef>
#include <optional>
#include <string_view>

namespace chatter {

// How many characters (Unicode scalar values) the text has; nullopt when it is not valid
// UTF-8: RFC 3629, so no overlong forms, no surrogates, nothing above U+10FFFF.
std::optional<size_t> CountCharacters(std::string_view text);

// Whether valid UTF-8 has a control character: U+0000 to U+001F, U+007F to U+009F.
bool HasControlCharacter(std::string_view text);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_UTF8_H_
