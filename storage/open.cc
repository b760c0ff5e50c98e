#include "storage/open.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/sqlite/sqlite_storage.h"

namespace chatter::storage {

absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& database_url) {
  absl::string_view path = database_url;
  if (absl::ConsumePrefix(&path, "sqlite:") && !path.empty()) {
    return sqlite::Open(std::string(path));
  }
  if (absl::StartsWith(database_url, "postgres://") ||
      absl::StartsWith(database_url, "postgresql://")) {
    return postgres::Open(database_url);
  }
  return absl::InvalidArgumentError(
      "want sqlite:<path>, or postgres://user:password@host/database");
}

}  // namespace chatter::storage
