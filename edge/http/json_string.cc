#include "edge/http/json_string.h"

#include <cstdint>
#include <cstring>

namespace chatter::edge {
namespace {

constexpr uint64_t kOnes = 0x0101010101010101;

// Whether one of the eight bytes is zero; the classic test for it.
constexpr uint64_t HasZero(uint64_t bytes) { return (bytes - kOnes) & ~bytes; }

bool IsPlain(char c) {
  return static_cast<unsigned char>(c) >= 0x20 && c != '"' && c != '\\';
}

void AppendEscaped(char c, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00";
      out.push_back(kDigits[c >> 4]);
      out.push_back(kDigits[c & 15]);
  }
}

}  // namespace

size_t CountPlainJson(std::string_view text) {
  size_t i = 0;
  for (; i + sizeof(uint64_t) <= text.size(); i += sizeof(uint64_t)) {
    uint64_t bytes;
    std::memcpy(&bytes, text.data() + i, sizeof(bytes));
    const uint64_t control = (bytes - kOnes * 0x20) & ~bytes;
    const uint64_t special =
        control | HasZero(bytes ^ kOnes * '"') | HasZero(bytes ^ kOnes * '\\');
    if ((special & kOnes * 0x80) != 0) break;
  }
  while (i < text.size() && IsPlain(text[i])) ++i;
  return i;
}

void AppendJsonString(std::string_view text, std::string& out) {
  out.push_back('"');
  while (true) {
    const size_t plain = CountPlainJson(text);
    out.append(text, 0, plain);
    if (plain == text.size()) break;
    AppendEscaped(text[plain], out);
    text.remove_prefix(plain + 1);
  }
  out.push_back('"');
}

}  // namespace chatter::edge
