#include "storage/migrations/migrations.h"

#include "absl/strings/str_cat.h"

namespace chatter::storage {

absl::Status CheckSchemaVersion(int64_t version, absl::Span<const Migration> migrations) {
  if (version <= migrations.back().version) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the database has schema version ", version,
      ", and this program knows versions up to ", migrations.back().version));
}

}  // namespace chatter::storage
