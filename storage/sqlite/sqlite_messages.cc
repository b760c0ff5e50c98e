// Messages and the outbox of the SQLite engine.
#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
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
          "SELECT c.id, c.last_seq, u.id FROM conversations c JOIN users u "
          "ON u.name = c.user_low WHERE c.user_low = ? AND c.user_high = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found, find->Bind(low, high).Step());
  if (!found) return Conversation();
  Conversation conversation{find->Integer(0), find->Integer(1), find->Integer(2)};
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
          "SELECT iif(m.id < ?3, m.seq + 1, low), iif(m.id < ?3, high, m.seq) "
          "FROM search JOIN messages m "
          "ON m.conversation_id = ?2 AND m.seq = (low + high) / 2 WHERE low < high) "
          "SELECT low FROM search WHERE low = high"));
  CHATTER_ASSIGN_OR_RETURN(
      const bool found, search->Bind(conversation.last_seq, conversation.id, id).Step());
  if (!found) return absl::InternalError("a conversation's seq is not dense");
  const int64_t seq = search->Integer(0);
  search->Reset();
  return seq;
}

// The first message's outcome, when the sender has stored this client_id before.
absl::StatusOr<std::optional<Appended>> FindByClientId(Connection& connection,
                                                       const NewMessage& message) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const find,
      connection.Prepare(
          "SELECT m.conversation_id, m.seq, m.id, m.created_us FROM client_ids c "
          "JOIN messages m ON m.conversation_id = c.conversation_id AND m.seq = c.seq "
          "WHERE c.sender_id = ? AND c.client_id = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found,
                           find->Bind(message.sender_id, message.client_id).Step());
  if (!found) return std::nullopt;
  Appended first{find->Integer(0), find->Integer(1), find->Integer(2),
                 absl::FromUnixMicros(find->Integer(3)), true};
  find->Reset();
  return first;
}

using Names = std::pair<std::string_view, std::string_view>;

Names ConversationOf(const NewMessage& message) {
  return std::minmax(message.sender, message.recipient);
}

// One call of Append, within its transaction.
class AppendRun {
 public:
  AppendRun(Connection& connection, absl::Span<const NewMessage> messages)
      : connection_(connection), messages_(messages), appended_(messages.size()) {}

  absl::Status Run() {
    CHATTER_RETURN_IF_ERROR(FindFresh());
    // By conversation, whose numbers are taken together, and whose messages are stored
    // side by side.
    std::stable_sort(fresh_.begin(), fresh_.end(), [this](size_t a, size_t b) {
      return ConversationOf(messages_[a]) < ConversationOf(messages_[b]);
    });
    CHATTER_RETURN_IF_ERROR(PrepareStatements());
    CHATTER_RETURN_IF_ERROR(TakeIds());
    for (auto begin = fresh_.begin(); begin != fresh_.end();) {
      const Names names = ConversationOf(messages_[*begin]);
      const auto end = std::find_if(begin, fresh_.end(), [&](size_t i) {
        return ConversationOf(messages_[i]) != names;
      });
      CHATTER_RETURN_IF_ERROR(StoreConversation(
          names, absl::MakeConstSpan(&*begin, static_cast<size_t>(end - begin))));
      begin = end;
    }
    for (const auto& [index, first] : repeats_) {
      appended_[index] = appended_[first];
      appended_[index].duplicate = true;
    }
    return absl::OkStatus();
  }

  std::vector<Appended> TakeResult() { return std::move(appended_); }

 private:
  // Sorts out those that were stored before, and those that stand twice in the span.
  absl::Status FindFresh() {
    absl::flat_hash_map<std::pair<int64_t, absl::string_view>, size_t> first;
    fresh_.reserve(messages_.size());
    for (size_t i = 0; i < messages_.size(); ++i) {
      const NewMessage& message = messages_[i];
      if (!message.client_id.empty()) {
        CHATTER_ASSIGN_OR_RETURN(const std::optional<Appended> stored,
                                 FindByClientId(connection_, message));
        if (stored.has_value()) {
          appended_[i] = *stored;
          continue;
        }
        const absl::string_view id(message.client_id.data(), message.client_id.size());
        const auto [entry, is_first] =
            first.try_emplace(std::make_pair(message.sender_id, id), i);
        if (!is_first) {
          repeats_.push_back({i, entry->second});
          continue;
        }
      }
      fresh_.push_back(i);
    }
    return absl::OkStatus();
  }

  absl::Status PrepareStatements() {
    CHATTER_ASSIGN_OR_RETURN(
        take_seqs_,
        connection_.Prepare(
            "INSERT INTO conversations (user_low, user_high, last_seq) VALUES (?, ?, ?) "
            "ON CONFLICT (user_low, user_high) "
            "DO UPDATE SET last_seq = last_seq + excluded.last_seq "
            "RETURNING id, last_seq"));
    CHATTER_ASSIGN_OR_RETURN(
        insert_message_,
        connection_.Prepare("INSERT INTO messages (conversation_id, seq, id, sender_id, "
                            "text, image_path, client_id, created_us) "
                            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"));
    CHATTER_ASSIGN_OR_RETURN(
        insert_client_id_,
        connection_.Prepare("INSERT INTO client_ids (sender_id, client_id, "
                            "conversation_id, seq) VALUES (?, ?, ?, ?)"));
    CHATTER_ASSIGN_OR_RETURN(
        insert_notification_,
        connection_.Prepare("INSERT INTO outbox (conversation_id, seq, recipient, "
                            "attempts, due_us) VALUES (?, ?, ?, 0, ?)"));
    return absl::OkStatus();
  }

  // For all at once.
  absl::Status TakeIds() {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const take,
        connection_.Prepare("UPDATE meta SET last_message_id = last_message_id + ? "
                            "RETURNING last_message_id"));
    const auto count = static_cast<int64_t>(fresh_.size());
    CHATTER_RETURN_IF_ERROR(take->Bind(count).Step().status());
    last_id_ = take->Integer(0) - count;
    take->Reset();
    return absl::OkStatus();
  }

  absl::Status StoreConversation(const Names& names, absl::Span<const size_t> indices) {
    const auto count = static_cast<int64_t>(indices.size());
    CHATTER_RETURN_IF_ERROR(
        take_seqs_->Bind(names.first, names.second, count).Step().status());
    const int64_t conversation = take_seqs_->Integer(0);
    int64_t seq = take_seqs_->Integer(1) - count;
    take_seqs_->Reset();
    for (const size_t i : indices) {
      appended_[i] = {conversation, ++seq, ++last_id_, messages_[i].created, false};
      CHATTER_RETURN_IF_ERROR(StoreMessage(messages_[i], appended_[i]));
    }
    return absl::OkStatus();
  }

  absl::Status StoreMessage(const NewMessage& message, const Appended& as) {
    CHATTER_RETURN_IF_ERROR(insert_message_
                                ->Bind(as.conversation, as.seq, as.id, message.sender_id,
                                       message.text, message.image_path,
                                       message.client_id,
                                       absl::ToUnixMicros(message.created))
                                .Run());
    if (!message.client_id.empty()) {
      CHATTER_RETURN_IF_ERROR(
          insert_client_id_
              ->Bind(message.sender_id, message.client_id, as.conversation, as.seq)
              .Run());
    }
    if (message.notify_due.has_value()) {
      CHATTER_RETURN_IF_ERROR(insert_notification_
                                  ->Bind(as.conversation, as.seq, message.recipient,
                                         absl::ToUnixMicros(*message.notify_due))
                                  .Run());
    }
    return absl::OkStatus();
  }

  Connection& connection_;
  const absl::Span<const NewMessage> messages_;
  std::vector<Appended> appended_;
  std::vector<size_t> fresh_;
  std::vector<std::pair<size_t, size_t>> repeats_;  // and what they repeat
  int64_t last_id_ = 0;
  Statement* take_seqs_ = nullptr;
  Statement* insert_message_ = nullptr;
  Statement* insert_client_id_ = nullptr;
  Statement* insert_notification_ = nullptr;
};

}  // namespace

absl::StatusOr<std::vector<Appended>> SqliteStorage::Append(
    absl::Span<const NewMessage> messages) {
  std::vector<Appended> appended;
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    AppendRun run(connection, messages);
    CHATTER_RETURN_IF_ERROR(run.Run());
    appended = run.TakeResult();
    return absl::OkStatus();
  }));
  return appended;
}

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
            newer ? "SELECT seq, id, sender_id, text, image_path, client_id, created_us "
                    "FROM messages WHERE conversation_id = ? AND seq > ? "
                    "ORDER BY seq LIMIT ?"
                  : "SELECT seq, id, sender_id, text, image_path, client_id, created_us "
                    "FROM messages WHERE conversation_id = ? AND seq < ? "
                    "ORDER BY seq DESC LIMIT ?"));
    read->Bind(conversation.id, bound, int64_t{query.limit});
    while (true) {
      CHATTER_ASSIGN_OR_RETURN(const bool row, read->Step());
      if (!row) break;
      const bool from_low = read->Integer(2) == conversation.low_user_id;
      messages.push_back({conversation.id, read->Integer(0), read->Integer(1),
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
            "JOIN messages m ON m.conversation_id = o.conversation_id AND m.seq = o.seq "
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

}  // namespace chatter::storage::sqlite
