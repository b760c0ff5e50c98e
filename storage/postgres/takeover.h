// The database of the service that Chatter replaces: its tables are in the schema public.
#ifndef CHATTER_STORAGE_POSTGRES_TAKEOVER_H_
#define CHATTER_STORAGE_POSTGRES_TAKEOVER_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "storage/postgres/connection.h"

namespace chatter::storage::postgres {

// How the old tables were dealt with, once and for all.
struct Takeover {
  bool imported = false;  // false: not at all, since Chatter had data of its own
  int64_t users = 0;
  int64_t messages = 0;
  int64_t nameless_messages = 0;  // left out: without a sender or a recipient
};

// When public has exactly the three old tables, and that is new: copies users and
// messages into Chatter's tables, if these are empty, and remembers in chatter.takeover
// that it is done. The old tables stay as they are; tables that only have their names are
// not touched. nullopt when there was nothing to do.
//
// Within a transaction of the caller's, READ COMMITTED, that no other process has at the
// same time and in which Chatter's tables are there; all of it or nothing. Takes minutes
// when there are millions of messages, which do not pass through this process. Waits for
// transactions that write to the old tables, and keeps writers out until the commit.
// kFailedPrecondition when the role may not read or lock the old tables.
absl::StatusOr<std::optional<Takeover>> TakeOver(Connection& connection);

// Whether TakeOver would import, were it called now; changes and locks nothing. Errors as
// those of TakeOver. Chatter's tables need not be there.
absl::StatusOr<bool> WouldImport(Connection& connection);

// Once it is committed.
void Log(const Takeover& takeover);

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_TAKEOVER_H_
