#ifndef CHATTER_STORAGE_SQLITE_NUMBERING_H_
#define CHATTER_STORAGE_SQLITE_NUMBERING_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"
#include "storage/numbered_conversations.h"
#include "storage/sqlite/connection.h"

namespace chatter::storage::sqlite {

// What numbers the messages of one writing connection: where the conversations stand, and
// the ids that are left. It remembers them, so that the database is asked and changed
// seldom, and must be told to forget when the database is another than it has seen: after
// a commit of anybody else, and when a transaction was rolled back. All calls are made
// within a write transaction.
class Numbering {
 public:
  void Forget();

  // Null when the database has none. Valid until the next call.
  absl::StatusOr<NumberedConversation*> Find(Connection& connection, std::string_view low,
                                             std::string_view high);
  // Makes one that is not there.
  absl::StatusOr<NumberedConversation*> Create(Connection& connection,
                                               std::string_view low,
                                               std::string_view high);

  // The first of `count` ids in a row, above all that anybody has taken.
  absl::StatusOr<int64_t> TakeIds(Connection& connection, int64_t count);

 private:
  NumberedConversations conversations_;
  int64_t next_id_ = 1;
  int64_t last_reserved_id_ = 0;
};

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_NUMBERING_H_
