#ifndef CHATTER_SERVICES_BASE_RFC3339_H_
#define CHATTER_SERVICES_BASE_RFC3339_H_

#include <cstddef>
#include <cstdint>
#include <string>

namespace chatter {

// "2026-11-23T08:11:21.123456Z".
inline constexpr size_t kRfc3339Size = 27;

// Appends the moment (microseconds since the Unix epoch; years 0 to 9999) in UTC with
// microseconds: RFC 3339 section 5.6, contract row `created`.
void AppendRfc3339(int64_t unix_micros, std::string& out);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_RFC3339_H_
