#ifndef CHATTER_STORAGE_POSTGRES_POSTGRES_STORAGE_H_
#define CHATTER_STORAGE_POSTGRES_POSTGRES_STORAGE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/storage.h"

namespace chatter::storage::postgres {

// How long a call goes on trying while the server is away or busy.
inline constexpr absl::Duration kPatience = absl::Seconds(10);

// Opens the database of a postgres:// or postgresql:// URL: see storage::Open. All tables
// are in the schema `chatter`, so that the database can be shared.
absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& url,
                                              absl::Duration patience = kPatience);

// See storage::Check.
absl::StatusOr<std::string> Check(const std::string& url);

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_POSTGRES_STORAGE_H_
