// History and the outbox of the SQLite engine.
#include <algorithm>
#include <utility>

#include "storage/sqlite/place.h"
#include "storage/sqlite/sqlite_engine.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

// A direct conversation as a reader sees it.
struct Conversation {
  int64_t id = 0;  // 0: there is none
  int64_t last_seq = 0;
  int64_t low_user_id = 0;
};

absl::StatusOr<Conversation> FindConversation(Connection& connection,
                                              std::string_view low,
                                              std::string_view high) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const find,
      connection.Prepare(
          "SELECT c.id, (SELECT max(place) FROM messages "
          "  WHERE place BETWEEN c.id << 32 AND (c.id << 32) + 0xFFFFFFFF), u.id "
          "FROM conversations c JOIN users u ON u.name = c.user_low "
          "WHERE c.user_low = ? AND c.user_high = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found, find->Bind(low, high).Step());
  if (!found) return Conversation();
  Conversation conversation{find->Integer(0), SeqAt(find->Integer(1)), find->Integer(2)};
  find->Reset();
  return conversation;
}

// The seq of the first message whose id is not below `id`: a binary search over the
// primary key, which works because seq is dense and id grows with it.
absl::StatusOr<int64_t> SeqOfId(Connection& connection, const Conversation& conversation,
                                int64_t id) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const search,
      connection.Prepare(
          "WITH RECURSIVE search(low, high) AS (VALUES (1, ?1 + 1) UNION ALL "
          "SELECT iif(m.id < ?3, (low + high) / 2 + 1, low), "
          "  iif(m.id < ?3, high, (low + high) / 2) "
          "FROM search JOIN messages m "
          "ON m.place = (?2 << 32 | (low + high) / 2) WHERE low < high) "
          "SELECT low FROM search WHERE low = high"));
  CHATTER_ASSIGN_OR_RETURN(
      const bool found, search->Bind(conversation.last_seq, conversation.id, id).Step());
  if (!found) return absl::InternalError("a conversation's seq is not dense");
  const int64_t seq = search->Integer(0);
  search->Reset();
  return seq;
}

}  // namespace

absl::StatusOr<std::vector<Message>> SqliteStorage::ReadHistory(
    const HistoryQuery& query) {
  std::vector<Message> messages;
  const auto [low, high] = std::minmax(query.user, query.with);
  CHATTER_RETURN_IF_ERROR(Read([&, low = low,
                                high = high](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(const Conversation conversation,
                             FindConversation(connection, low, high));
    if (conversation.id == 0) return absl::OkStatus();
    const bool newer = query.after_seq.has_value();
    int64_t bound = newer ? *query.after_seq : conversation.last_seq + 1;
    if (query.before_seq.has_value()) bound = std::min(bound, *query.before_seq);
    if (query.before_id.has_value()) {
      CHATTER_ASSIGN_OR_RETURN(bound,
                               SeqOfId(connection, conversation, *query.before_id));
    }
    if (!newer) bound -= std::min(query.skip, bound);
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const read,
        connection.Prepare(
            newer
                ? "SELECT place, id, sender_id, text, image_path, client_id, created_us "
                  "FROM messages WHERE place > ? AND place < ? ORDER BY place LIMIT ?"
                : "SELECT place, id, sender_id, text, image_path, client_id, created_us "
                  "FROM messages WHERE place > ? AND place < ? "
                  "ORDER BY place DESC LIMIT ?"));
    const int64_t begin =
        newer ? std::clamp<int64_t>(bound, 0, conversation.last_seq) : 0;
    const int64_t end = newer ? conversation.last_seq + 1 : std::max<int64_t>(bound, 0);
    read->Bind(PlaceOf(conversation.id, begin), PlaceOf(conversation.id, end),
               int64_t{query.limit});
    while (true) {
      CHATTER_ASSIGN_OR_RETURN(const bool row, read->Step());
      if (!row) break;
      const bool from_low = read->Integer(2) == conversation.low_user_id;
      messages.push_back({conversation.id, SeqAt(read->Integer(0)), read->Integer(1),
                          std::string(from_low ? low : high),
                          std::string(from_low ? high : low), std::string(read->Text(3)),
                          std::string(read->Text(4)), std::string(read->Text(5)),
                          absl::FromUnixMicros(read->Integer(6))});
    }
    if (!newer) std::reverse(messages.begin(), messages.end());
    return absl::OkStatus();
  }));
  return messages;
}

absl::StatusOr<std::vector<Notification>> SqliteStorage::ClaimNotifications(
    absl::Time now, absl::Duration lease, int limit) {
  std::vector<Notification> claimed;
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const due,
        connection.Prepare(
            "SELECT o.conversation_id, o.seq, o.recipient, o.attempts, u.name, m.text, "
            "m.created_us FROM outbox o "
            "JOIN messages m ON m.place = (o.conversation_id << 32 | o.seq) "
            "JOIN users u ON u.id = m.sender_id "
            "WHERE o.due_us <= ? ORDER BY o.due_us LIMIT ?"));
    due->Bind(absl::ToUnixMicros(now), int64_t{limit});
    while (true) {
      CHATTER_ASSIGN_OR_RETURN(const bool row, due->Step());
      if (!row) break;
      claimed.push_back({{due->Integer(0), due->Integer(1), std::string(due->Text(2))},
                         std::string(due->Text(4)),
                         std::string(due->Text(5)),
                         absl::FromUnixMicros(due->Integer(6)),
                         static_cast<int>(due->Integer(3))});
    }
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const claim,
        connection.Prepare("UPDATE outbox SET due_us = ? WHERE conversation_id = ? AND "
                           "seq = ? AND recipient = ?"));
    const int64_t until = absl::ToUnixMicros(now + lease);
    for (const Notification& notification : claimed) {
      const NotificationKey& key = notification.key;
      CHATTER_RETURN_IF_ERROR(
          claim->Bind(until, key.conversation, key.seq, key.recipient).Run());
    }
    return absl::OkStatus();
  }));
  return claimed;
}

absl::Status SqliteStorage::RemoveNotifications(absl::Span<const NotificationKey> keys) {
  return Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const remove,
        connection.Prepare("DELETE FROM outbox WHERE conversation_id = ? AND seq = ? AND "
                           "recipient = ?"));
    for (const NotificationKey& key : keys) {
      CHATTER_RETURN_IF_ERROR(
          remove->Bind(key.conversation, key.seq, key.recipient).Run());
    }
    return absl::OkStatus();
  });
}

absl::Status SqliteStorage::RetryNotifications(
    absl::Span<const NotificationRetry> retries) {
  return Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const retry,
        connection.Prepare("UPDATE outbox SET attempts = ?, due_us = ? WHERE "
                           "conversation_id = ? AND seq = ? AND recipient = ?"));
    for (const NotificationRetry& item : retries) {
      const NotificationKey& key = item.key;
      CHATTER_RETURN_IF_ERROR(retry
                                  ->Bind(int64_t{item.attempts},
                                         absl::ToUnixMicros(item.due), key.conversation,
                                         key.seq, key.recipient)
                                  .Run());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<OutboxState> SqliteStorage::InspectOutbox(int64_t limit) {
  OutboxState state;
  CHATTER_RETURN_IF_ERROR(Read([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const inspect,
        connection.Prepare(
            "SELECT (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT ?)), "
            "(SELECT min(due_us) FROM outbox)"));
    CHATTER_RETURN_IF_ERROR(inspect->Bind(limit).Step().status());
    state.waiting = inspect->Integer(0);
    if (state.waiting > 0) {
      state.oldest_due = absl::FromUnixMicros(inspect->Integer(1));
    }
    inspect->Reset();
    return absl::OkStatus();
  }));
  return state;
}

}  // namespace chatter::storage::sqlite
