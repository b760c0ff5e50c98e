#ifndef CHATTER_EDGE_WEB_ASSETS_H_
#define CHATTER_EDGE_WEB_ASSETS_H_

#include <string_view>

#include "absl/types/span.h"

namespace chatter::edge {

// A file of the page, compiled into the program.
struct Asset {
  std::string_view path;  // "/index.html"
  std::string_view content_type;
  std::string_view body;
};

absl::Span<const Asset> BuiltInAssets();

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_WEB_ASSETS_H_
