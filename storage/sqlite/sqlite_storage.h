#ifndef CHATTER_STORAGE_SQLITE_SQLITE_STORAGE_H_
#define CHATTER_STORAGE_SQLITE_SQLITE_STORAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/storage.h"

namespace chatter::storage::sqlite {

// Opens the database file, which is made when there is none: see storage::Open.
absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& path);

// See storage::Check.
absl::StatusOr<std::string> Check(const std::string& path);

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_SQLITE_STORAGE_H_
