#ifndef CHATTER_STORAGE_OPEN_H_
#define CHATTER_STORAGE_OPEN_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "storage/storage.h"

namespace chatter::storage {

// Opens the database that a DATABASE_URL names (`sqlite:<path>`, `postgres://…` or
// `postgresql://…`) and brings its schema up to date, under a lock that makes a second
// process wait. kInvalidArgument for another URL, kUnavailable when it cannot be reached,
// kFailedPrecondition when its schema is newer than this program, or the role may not do
// what that takes. Errors never contain the URL's password.
absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& database_url);

// Whether Open could work, without changing anything: connects, and says in a few words
// what is there. Errors as those of Open; gives up after about 10 s.
absl::StatusOr<std::string> Check(const std::string& database_url);

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_OPEN_H_
