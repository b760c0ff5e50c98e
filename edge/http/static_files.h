#ifndef CHATTER_EDGE_HTTP_STATIC_FILES_H_
#define CHATTER_EDGE_HTTP_STATIC_FILES_H_

#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "edge/http/answer.h"
#include "edge/http/request.h"
#include "edge/web/assets.h"

namespace chatter::edge {

// The page and what it needs, read into memory at start: at most 1,000 files and 64 MiB.
// Immutable, so that every thread may use it.
class StaticFiles {
 public:
  // None: everything is a 404.
  StaticFiles() = default;
  explicit StaticFiles(absl::Span<const Asset> assets);

  // kInvalidArgument when the folder cannot be read, or holds too much.
  static absl::StatusOr<StaticFiles> FromFolder(const std::string& folder);

  bool Has(const std::string& path) const;
  // For a path that it has. "/" is "/index.html". Answers 304 to a matching
  // If-None-Match.
  HttpAnswer Answer(const HttpRequest& request) const;

 private:
  struct File {
    std::string_view content_type;
    std::string body;
    std::string etag;
  };

  void Add(std::string path, std::string_view content_type, std::string body);

  std::map<std::string, File> files_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_HTTP_STATIC_FILES_H_
