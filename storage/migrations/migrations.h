#ifndef CHATTER_STORAGE_MIGRATIONS_MIGRATIONS_H_
#define CHATTER_STORAGE_MIGRATIONS_MIGRATIONS_H_

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace chatter::storage {

// One step of a schema: sqlite/NNNN_<what>.sql or postgres/NNNN_<what>.sql, several
// statements. Once released a step never changes; the next one is added.
struct Migration {
  int version;  // NNNN: 1, 2, 3 ...
  std::string_view sql;
};

// In order of their versions, which start at 1 and leave none out.
absl::Span<const Migration> SqliteMigrations();
absl::Span<const Migration> PostgresMigrations();

// kFailedPrecondition for a schema that a later program has made.
absl::Status CheckSchemaVersion(int64_t version, absl::Span<const Migration> migrations);

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_MIGRATIONS_MIGRATIONS_H_
