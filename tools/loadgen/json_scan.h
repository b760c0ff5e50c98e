#ifndef CHATTER_TOOLS_LOADGEN_JSON_SCAN_H_
#define CHATTER_TOOLS_LOADGEN_JSON_SCAN_H_

#include <optional>
#include <string_view>

namespace chatter::loadgen {

// The string that follows the first `key` in `json`, as it stands there. For JSON without
// spaces and values without escapes, which is what our own texts and names come back as;
// whoever needs more parses it. `key` with its quotes, colon, and the value's first
// quote:
// `"message":"`.
inline std::optional<std::string_view> ScanString(std::string_view json,
                                                  std::string_view key) {
  const size_t at = json.find(key);
  if (at == json.npos) return std::nullopt;
  const size_t begin = at + key.size();
  const size_t end = json.find('"', begin);
  if (end == json.npos) return std::nullopt;
  return json.substr(begin, end - begin);
}

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_JSON_SCAN_H_
