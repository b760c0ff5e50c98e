// History and the outbox of the PostgreSQL engine.
#include <algorithm>
#include <string>
#include <utility>

#include "storage/postgres/array.h"
#include "storage/postgres/postgres_engine.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

// A direct conversation as a reader sees it.
struct Conversation {
  int64_t id = 0;  // 0: there is none
  int64_t last_seq = 0;
  int64_t low_user_id = 0;
};

absl::StatusOr<Conversation> FindConversation(Connection& connection,
                                              const std::string& low,
                                              const std::string& high) {
  CHATTER_ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Run("SELECT c.id, (SELECT max(seq) FROM chatter.messages "
                     "  WHERE conversation_id = c.id), u.id "
                     "FROM chatter.conversations c "
                     "JOIN chatter.users u ON u.name = c.user_low "
                     "WHERE c.user_low = $1 AND c.user_high = $2",
                     low, high));
  // One whose first message has not come yet is as good as none.
  if (rows.size() == 0 || rows.IsNull(0, 1)) return Conversation();
  return Conversation{rows.Integer(0, 0), rows.Integer(0, 1), rows.Integer(0, 2)};
}

// The seq of the first message whose id is not below `id`: a binary search over the
// primary key, which works because seq is dense and id grows with it.
absl::StatusOr<int64_t> SeqOfId(Connection& connection, const Conversation& conversation,
                                int64_t id) {
  CHATTER_ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Run(
          "WITH RECURSIVE search(low, high) AS (VALUES (1::bigint, $1::bigint + 1) "
          "UNION ALL "
          "SELECT CASE WHEN m.id < $3 THEN m.seq + 1 ELSE low END, "
          "  CASE WHEN m.id < $3 THEN high ELSE m.seq END "
          "FROM search CROSS JOIN LATERAL (SELECT id, seq FROM chatter.messages "
          "  WHERE conversation_id = $2 AND seq = (low + high) / 2 LIMIT 1) m "
          "WHERE low < high) "
          "SELECT low FROM search WHERE low = high",
          conversation.last_seq, conversation.id, id));
  if (rows.size() == 0) return absl::InternalError("a conversation's seq is not dense");
  return rows.Integer(0, 0);
}

Binary ConversationsOf(absl::Span<const NotificationKey> keys) {
  return ToArray(keys, [](const NotificationKey& key) { return key.conversation; });
}
Binary SeqsOf(absl::Span<const NotificationKey> keys) {
  return ToArray(keys, [](const NotificationKey& key) { return key.seq; });
}
Binary RecipientsOf(absl::Span<const NotificationKey> keys) {
  return ToArray(
      keys, [](const NotificationKey& key) { return std::string_view(key.recipient); });
}

}  // namespace

absl::StatusOr<std::vector<Message>> PostgresStorage::ReadHistory(
    const HistoryQuery& query) {
  const std::string low(std::min(query.user, query.with));
  const std::string high(std::max(query.user, query.with));
  std::vector<Message> messages;
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    messages.clear();
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
        const Rows rows,
        connection.Run(
            newer ? "SELECT seq, id, sender_id, text, image_path, client_id, created_us "
                    "FROM chatter.messages WHERE conversation_id = $1 AND seq > $2 "
                    "ORDER BY seq LIMIT $3"
                  : "SELECT seq, id, sender_id, text, image_path, client_id, created_us "
                    "FROM chatter.messages WHERE conversation_id = $1 AND seq < $2 "
                    "ORDER BY seq DESC LIMIT $3",
            conversation.id, bound, query.limit));
    for (int row = 0; row < rows.size(); ++row) {
      const bool from_low = rows.Integer(row, 2) == conversation.low_user_id;
      messages.push_back({conversation.id, rows.Integer(row, 0), rows.Integer(row, 1),
                          from_low ? low : high, from_low ? high : low,
                          std::string(rows.Text(row, 3)), std::string(rows.Text(row, 4)),
                          std::string(rows.Text(row, 5)),
                          absl::FromUnixMicros(rows.Integer(row, 6))});
    }
    if (!newer) std::reverse(messages.begin(), messages.end());
    return absl::OkStatus();
  }));
  return messages;
}

absl::StatusOr<std::vector<Notification>> PostgresStorage::ClaimNotifications(
    absl::Time now, absl::Duration lease, int limit) {
  std::vector<Notification> claimed;
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run(
            "WITH due AS (SELECT conversation_id, seq, recipient, due_us "
            "  FROM chatter.outbox WHERE due_us <= $1 ORDER BY due_us LIMIT $3 "
            "  FOR UPDATE SKIP LOCKED), "
            "claimed AS (UPDATE chatter.outbox o SET due_us = $2 FROM due d "
            "  WHERE o.conversation_id = d.conversation_id AND o.seq = d.seq "
            "  AND o.recipient = d.recipient "
            "  RETURNING o.conversation_id, o.seq, o.recipient, o.attempts, d.due_us) "
            "SELECT c.conversation_id, c.seq, c.recipient, c.attempts, u.name, m.text, "
            "  m.created_us FROM claimed c "
            "JOIN chatter.messages m "
            "ON m.conversation_id = c.conversation_id AND m.seq = c.seq "
            "JOIN chatter.users u ON u.id = m.sender_id ORDER BY c.due_us",
            absl::ToUnixMicros(now), absl::ToUnixMicros(now + lease), limit));
    claimed.clear();
    for (int row = 0; row < rows.size(); ++row) {
      claimed.push_back(
          {{rows.Integer(row, 0), rows.Integer(row, 1), std::string(rows.Text(row, 2))},
           std::string(rows.Text(row, 4)),
           std::string(rows.Text(row, 5)),
           absl::FromUnixMicros(rows.Integer(row, 6)),
           static_cast<int>(rows.Integer(row, 3))});
    }
    return absl::OkStatus();
  }));
  return claimed;
}

absl::Status PostgresStorage::RemoveNotifications(
    absl::Span<const NotificationKey> keys) {
  return pool_.Repeat([&](Connection& connection) {
    return connection
        .Run(
            "DELETE FROM chatter.outbox o "
            "USING unnest($1::bigint[], $2::bigint[], $3::text[]) "
            "AS k(conversation_id, seq, recipient) "
            "WHERE o.conversation_id = k.conversation_id AND o.seq = k.seq "
            "AND o.recipient = k.recipient",
            ConversationsOf(keys), SeqsOf(keys), RecipientsOf(keys))
        .status();
  });
}

absl::Status PostgresStorage::RetryNotifications(
    absl::Span<const NotificationRetry> retries) {
  std::vector<NotificationKey> keys;
  for (const NotificationRetry& retry : retries) keys.push_back(retry.key);
  return pool_.Repeat([&](Connection& connection) {
    return connection
        .Run(
            "UPDATE chatter.outbox o SET attempts = k.attempts, due_us = k.due_us "
            "FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[], "
            "$5::bigint[]) AS k(conversation_id, seq, recipient, attempts, due_us) "
            "WHERE o.conversation_id = k.conversation_id AND o.seq = k.seq "
            "AND o.recipient = k.recipient",
            ConversationsOf(keys), SeqsOf(keys), RecipientsOf(keys),
            ToArray(retries,
                    [](const NotificationRetry& retry) {
                      return static_cast<int64_t>(retry.attempts);
                    }),
            ToArray(retries,
                    [](const NotificationRetry& retry) {
                      return absl::ToUnixMicros(retry.due);
                    }))
        .status();
  });
}

absl::StatusOr<OutboxState> PostgresStorage::InspectOutbox(int64_t limit) {
  OutboxState state;
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run(
            "SELECT (SELECT count(*) FROM (SELECT FROM chatter.outbox LIMIT $1) o), "
            "(SELECT min(due_us) FROM chatter.outbox)",
            limit));
    state = {rows.Integer(0, 0), std::nullopt};
    if (state.waiting > 0) {
      state.oldest_due = absl::FromUnixMicros(rows.Integer(0, 1));
    }
    return absl::OkStatus();
  }));
  return state;
}

}  // namespace chatter::storage::postgres
