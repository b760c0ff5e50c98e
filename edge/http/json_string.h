// JSON strings (RFC 8259 section 7), where the full parser would be too slow.
#ifndef CHATTER_EDGE_HTTP_JSON_STRING_H_
#define CHATTER_EDGE_HTTP_JSON_STRING_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace chatter::edge {

// How many of the first bytes stand for themselves in a JSON string: all but quotes,
// backslashes and control characters.
size_t CountPlainJson(std::string_view text);

// Appends a JSON string with its quotes. `text` is valid UTF-8.
void AppendJsonString(std::string_view text, std::string& out);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_JSON_STRING_H_
