#ifndef CHATTER_STORAGE_POSTGRES_NUMBERING_H_
#define CHATTER_STORAGE_POSTGRES_NUMBERING_H_

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "storage/numbered_conversations.h"
#include "storage/postgres/connection.h"

namespace chatter::storage::postgres {

// The users of a direct conversation, in byte order.
using Names = std::pair<std::string_view, std::string_view>;

// What numbers the messages that this process adds: where their conversations stand. It
// remembers that, so that the database is asked seldom, and nothing but the messages is
// written. It may be wrong once another process has added some; then a seq that it gives
// is taken, the statement fails, and it must be told to forget the conversations of the
// statement, as when these were not stored for any other reason. Of one thread at a time.
class Numbering {
 public:
  void Forget(const Names& names) { conversations_.Forget(names.first, names.second); }
  size_t size() const { return conversations_.size(); }

  // Asks for those that it does not know, and makes those that are not there. At most
  // NumberedConversations::kMost.
  absl::Status Learn(Connection& connection, absl::Span<const Names> conversations);
  // Of a conversation that it has learnt.
  NumberedConversation& At(const Names& names) {
    return *conversations_.Find(names.first, names.second);
  }

 private:
  NumberedConversations conversations_;
  int64_t newest_connection_ = 0;
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_NUMBERING_H_
