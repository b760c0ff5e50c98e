#include "storage/open.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "storage/sqlite/sqlite_storage.h"

namespace chatter::storage {

absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& database_url) {
  absl::string_view path = database_url;
  if (absl::ConsumePrefix(&path, "sqlite:") && !path.empty()) {
    return OpenSqlite(std::string(path));
  }
  return absl::InvalidArgumentError(
      "want sqlite:<path>, or postgres://user:password@host/database");
}

}  // namespace chatter::storage
