#include "storage/open.h"

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/sqlite/sqlite_storage.h"

namespace chatter::storage {

namespace {

struct Target {
  std::string sqlite_path;  // or, when empty:
  std::string postgres_url;
};

absl::StatusOr<Target> Parse(const std::string& database_url) {
  absl::string_view path = database_url;
  if (absl::ConsumePrefix(&path, "sqlite:") && !path.empty()) {
    return Target{std::string(path), ""};
  }
  if (absl::StartsWith(database_url, "postgres://") ||
      absl::StartsWith(database_url, "postgresql://")) {
    return Target{"", database_url};
  }
  return absl::InvalidArgumentError(
      "want sqlite:<path>, or postgres://user:password@host/database");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& database_url) {
  const absl::StatusOr<Target> target = Parse(database_url);
  if (!target.ok()) return target.status();
  return target->sqlite_path.empty() ? postgres::Open(target->postgres_url)
                                     : sqlite::Open(target->sqlite_path);
}

absl::StatusOr<std::string> Check(const std::string& database_url) {
  const absl::StatusOr<Target> target = Parse(database_url);
  if (!target.ok()) return target.status();
  return target->sqlite_path.empty() ? postgres::Check(target->postgres_url)
                                     : sqlite::Check(target->sqlite_path);
}

}  // namespace chatter::storage
