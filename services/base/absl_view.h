#ifndef CHATTER_SERVICES_BASE_ABSL_VIEW_H_
#define CHATTER_SERVICES_BASE_ABSL_VIEW_H_

#include <string_view>

#include "absl/strings/string_view.h"

namespace chatter {

// Debian's Abseil is built with a string_view of its own, which does not convert.
inline absl::string_view AbslView(std::string_view view) {
  return absl::string_view(view.data(), view.size());
}

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_ABSL_VIEW_H_
