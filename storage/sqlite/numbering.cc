#include "storage/sqlite/numbering.h"

#include <algorithm>

#include "storage/sqlite/place.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

// Ids are reserved in the database so many at a time. Those left when it forgets are
// never used: what somebody else has added since has higher ones.
constexpr int64_t kReservedIds = 1000;

}  // namespace

void Numbering::Forget() {
  conversations_.ForgetAll();
  next_id_ = 1;
  last_reserved_id_ = 0;
}

absl::StatusOr<NumberedConversation*> Numbering::Find(Connection& connection,
                                                      std::string_view low,
                                                      std::string_view high) {
  NumberedConversation* const known = conversations_.Find(low, high);
  if (known != nullptr) return known;
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const find,
      connection.Prepare(
          "SELECT id, (SELECT max(place) FROM messages "
          "  WHERE place BETWEEN c.id << 32 AND (c.id << 32) + 0xFFFFFFFF) "
          "FROM conversations c WHERE user_low = ? AND user_high = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found, find->Bind(low, high).Step());
  if (!found) return nullptr;
  const NumberedConversation conversation{find->Integer(0), SeqAt(find->Integer(1))};
  find->Reset();
  return conversations_.Remember(low, high, conversation);
}

absl::StatusOr<NumberedConversation*> Numbering::Create(Connection& connection,
                                                        std::string_view low,
                                                        std::string_view high) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const create,
      connection.Prepare(
          "INSERT INTO conversations (user_low, user_high) VALUES (?, ?)"));
  CHATTER_RETURN_IF_ERROR(create->Bind(low, high).Run());
  return conversations_.Remember(low, high, {connection.last_insert_rowid(), 0});
}

absl::StatusOr<int64_t> Numbering::TakeIds(Connection& connection, int64_t count) {
  if (last_reserved_id_ - next_id_ + 1 < count) {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const reserve,
        connection.Prepare("UPDATE meta SET last_message_id = last_message_id + ? "
                           "RETURNING last_message_id"));
    const int64_t reserved = std::max(count, kReservedIds);
    CHATTER_RETURN_IF_ERROR(reserve->Bind(reserved).Step().status());
    last_reserved_id_ = reserve->Integer(0);
    next_id_ = last_reserved_id_ - reserved + 1;
    reserve->Reset();
  }
  const int64_t first = next_id_;
  next_id_ += count;
  return first;
}

}  // namespace chatter::storage::sqlite
