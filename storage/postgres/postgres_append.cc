// Storing messages in PostgreSQL: one statement for a whole batch, and what happens when
// the connection is lost before its outcome is known.
#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/time/clock.h"
#include "storage/postgres/array.h"
#include "storage/postgres/postgres_engine.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

// A message whose commit is in doubt is looked for among so many of its conversation's
// last ones: more than any conversation gets while the engine has patience.
constexpr int64_t kInDoubtWindow = 100'000;
// Before it makes way for a while.
constexpr int kLockedTries = 5;
constexpr absl::Duration kBackendPollInterval = absl::Milliseconds(20);

// Whoever is the first to add a seq to a conversation has it: another one waits at the
// primary key, and fails. So seq is dense, and since who adds the next one has seen it,
// and takes an id only then, ids grow with it. `plain`: none of the messages has a client
// id or a notification that is due; others need more tables.
constexpr char kStorePlain[] =
    "INSERT INTO chatter.messages "
    "SELECT conversation_id, seq, nextval('chatter.message_ids'), sender_id, text, "
    "  image_path, '', created_us "
    "FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::text[], "
    "  $6::bigint[]) "
    "AS m(conversation_id, seq, sender_id, text, image_path, created_us) "
    "RETURNING conversation_id, seq, id";
constexpr char kStore[] =
    "WITH fresh AS MATERIALIZED ("
    "  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], "
    "    $5::text[], $6::bigint[], $7::text[], $8::text[], $9::bigint[]) "
    "  AS m(conversation_id, seq, sender_id, text, image_path, created_us, client_id, "
    "    recipient, due_us)), "
    "named AS ("
    "  INSERT INTO chatter.client_ids "
    "  SELECT sender_id, client_id, conversation_id, seq FROM fresh "
    "  WHERE client_id <> ''), "
    "notified AS ("
    "  INSERT INTO chatter.outbox "
    "  SELECT conversation_id, seq, recipient, 0, due_us FROM fresh "
    "  WHERE due_us IS NOT NULL) "
    "INSERT INTO chatter.messages "
    "SELECT conversation_id, seq, nextval('chatter.message_ids'), sender_id, text, "
    "  image_path, client_id, created_us FROM fresh "
    "RETURNING conversation_id, seq, id";

Names ConversationOf(const NewMessage& message) {
  return std::minmax(message.sender, message.recipient);
}

std::string_view LowOf(const NewMessage& message) {
  return ConversationOf(message).first;
}

std::string_view HighOf(const NewMessage& message) {
  return ConversationOf(message).second;
}

bool IsPlain(const NewMessage& message) {
  return message.client_id.empty() && !message.notify_due.has_value();
}

int64_t CreatedUs(const NewMessage& message) {
  return absl::ToUnixMicros(message.created);
}

std::optional<int64_t> DueUs(const NewMessage& message) {
  if (!message.notify_due.has_value()) return std::nullopt;
  return absl::ToUnixMicros(*message.notify_due);
}

// A batch on its way into the database; repeated until its outcome is known.
class AppendRun {
 public:
  // Does not wait for a lost session's end beyond the deadline.
  AppendRun(absl::Span<const NewMessage> messages, Numbering& numbering,
            absl::Time deadline)
      : messages_(messages),
        numbering_(numbering),
        deadline_(deadline),
        appended_(messages.size()) {}

  // Fit to be repeated, whatever became of the last try.
  absl::Status Try(Connection& connection) {
    if (in_doubt_.has_value()) {
      CHATTER_RETURN_IF_ERROR(EndBackend(connection, *in_doubt_));
      CHATTER_ASSIGN_OR_RETURN(const bool stored, FindStored(connection));
      in_doubt_.reset();
      if (stored) return absl::OkStatus();
    }
    FindFresh();
    absl::Status status = Insert(connection);
    for (int i = 0; i < kLockedTries && absl::IsAlreadyExists(status); ++i) {
      // Some of the client ids, or of the numbers if other processes add messages here
      // too; which is seldom. Then nothing of the batch was stored.
      CHATTER_RETURN_IF_ERROR(FindStoredClientIds(connection));
      status = InsertLocked(connection);
    }
    if (connection.broken()) in_doubt_ = connection.backend();
    // Somebody stored one of them meanwhile: found at the next try.
    return absl::IsAlreadyExists(status) ? absl::AbortedError(status.message()) : status;
  }

  bool is_in_doubt() const { return in_doubt_.has_value(); }
  // Once it has succeeded.
  std::vector<Appended> TakeResult() {
    for (const auto& [index, first] : repeats_) {
      appended_[index] = appended_[first];
      appended_[index].duplicate = true;
    }
    return std::move(appended_);
  }

 private:
  // Sorts out which messages repeat another one of the batch. The others are fresh, in
  // the order in which they are inserted: by conversation, so that two processes lock
  // conversations in the same order.
  void FindFresh() {
    fresh_.clear();
    repeats_.clear();
    absl::flat_hash_map<std::pair<int64_t, absl::string_view>, size_t> first;
    for (size_t i = 0; i < messages_.size(); ++i) {
      const std::string_view id = messages_[i].client_id;
      if (!id.empty()) {
        const auto [entry, is_first] = first.try_emplace(
            {messages_[i].sender_id, absl::string_view(id.data(), id.size())}, i);
        if (!is_first) {
          repeats_.push_back({i, entry->second});
          continue;
        }
      }
      fresh_.push_back(i);
    }
    std::stable_sort(fresh_.begin(), fresh_.end(), [this](size_t a, size_t b) {
      return ConversationOf(messages_[a]) < ConversationOf(messages_[b]);
    });
  }

  // Takes out those that were stored before.
  absl::Status FindStoredClientIds(Connection& connection) {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("SELECT w.position, m.conversation_id, m.seq, m.id, m.created_us "
                       "FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY "
                       "AS w(sender_id, client_id, position) "
                       "JOIN chatter.client_ids c USING (sender_id, client_id) "
                       "JOIN chatter.messages m "
                       "ON m.conversation_id = c.conversation_id AND m.seq = c.seq",
                       ArrayOf(&NewMessage::sender_id), ArrayOf(&NewMessage::client_id)));
    std::vector<bool> stored(messages_.size());
    for (int row = 0; row < rows.size(); ++row) {
      const size_t index = fresh_[static_cast<size_t>(rows.Integer(row, 0) - 1)];
      stored[index] = true;
      appended_[index] = {rows.Integer(row, 1), rows.Integer(row, 2),
                          rows.Integer(row, 3),
                          absl::FromUnixMicros(rows.Integer(row, 4)), true};
    }
    fresh_.erase(
        std::remove_if(fresh_.begin(), fresh_.end(), [&](size_t i) { return stored[i]; }),
        fresh_.end());
    return absl::OkStatus();
  }

  absl::Status Insert(Connection& connection) {
    if (fresh_.empty()) return absl::OkStatus();
    absl::Status status = TakeNumbers(connection);
    if (status.ok()) status = Store(connection);
    if (!status.ok()) ForgetNumbers();
    return status;
  }

  // With the conversations locked: those who have been too late with their numbers take
  // turns. One that has not been too late yet may come between, so it can fail again.
  absl::Status InsertLocked(Connection& connection) {
    if (fresh_.empty()) return absl::OkStatus();
    absl::Status status = connection.InTransaction([&]() -> absl::Status {
      CHATTER_RETURN_IF_ERROR(
          connection
              .Run("SELECT FROM unnest($1::text[], $2::text[]) AS w(user_low, user_high) "
                   "JOIN chatter.conversations c USING (user_low, user_high) "
                   "ORDER BY user_low, user_high FOR UPDATE OF c",
                   ArrayOf(&LowOf), ArrayOf(&HighOf))
              .status());
      return Insert(connection);
    });
    if (!status.ok()) ForgetNumbers();
    return status;
  }

  void ForgetNumbers() {
    for (const size_t i : fresh_) numbering_.Forget(ConversationOf(messages_[i]));
  }

  absl::Status TakeNumbers(Connection& connection) {
    std::vector<Names> conversations;
    for (const size_t i : fresh_) {
      const Names names = ConversationOf(messages_[i]);
      if (conversations.empty() || conversations.back() != names) {
        conversations.push_back(names);
      }
    }
    CHATTER_RETURN_IF_ERROR(numbering_.Learn(connection, conversations));
    for (const size_t i : fresh_) {
      NumberedConversation& conversation = numbering_.At(ConversationOf(messages_[i]));
      appended_[i] = {conversation.id, ++conversation.last_seq, 0, messages_[i].created,
                      false};
    }
    return absl::OkStatus();
  }

  absl::Status Store(Connection& connection) {
    const auto run = [&](const char* sql, const auto&... more) {
      return connection.Run(
          sql, ToArray(fresh_, [&](size_t i) { return appended_[i].conversation; }),
          ToArray(fresh_, [&](size_t i) { return appended_[i].seq; }),
          ArrayOf(&NewMessage::sender_id), ArrayOf(&NewMessage::text),
          ArrayOf(&NewMessage::image_path), ArrayOf(&CreatedUs), more...);
    };
    const bool is_plain = std::all_of(fresh_.begin(), fresh_.end(),
                                      [this](size_t i) { return IsPlain(messages_[i]); });
    CHATTER_ASSIGN_OR_RETURN(const Rows rows,
                             is_plain
                                 ? run(kStorePlain)
                                 : run(kStore, ArrayOf(&NewMessage::client_id),
                                       ArrayOf(&NewMessage::recipient), ArrayOf(&DueUs)));
    return TakeIds(rows);
  }

  // Of those that are fresh, in their order. SQL does not promise it, so it is checked.
  absl::Status TakeIds(const Rows& rows) {
    if (rows.size() != static_cast<int>(fresh_.size())) {
      return absl::InternalError("PostgreSQL: a part of a batch was stored");
    }
    int64_t last_id = 0;
    for (int row = 0; row < rows.size(); ++row) {
      Appended& appended = appended_[fresh_[static_cast<size_t>(row)]];
      appended.id = rows.Integer(row, 2);
      if (appended.id <= last_id || rows.Integer(row, 0) != appended.conversation ||
          rows.Integer(row, 1) != appended.seq) {
        return absl::InternalError("PostgreSQL: a batch was stored in another order");
      }
      last_id = appended.id;
    }
    return absl::OkStatus();
  }

  // What a member or a function says of each fresh message.
  template <typename Project>
  Binary ArrayOf(Project project) const {
    return ToArray(
        fresh_, [this, project](size_t i) { return std::invoke(project, messages_[i]); });
  }

  // Until the server process that may still commit is gone.
  absl::Status EndBackend(Connection& connection, const Backend& backend) const {
    while (true) {
      CHATTER_ASSIGN_OR_RETURN(
          const Rows alive,
          connection.Run(
              "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND "
              "(extract(epoch FROM backend_start) * 1000000)::bigint = $2",
              backend.pid, backend.started_us));
      if (alive.size() == 0) return absl::OkStatus();
      if (absl::Now() >= deadline_) {
        return absl::UnavailableError("PostgreSQL: a lost session does not end");
      }
      absl::SleepFor(kBackendPollInterval);
    }
  }

  // Whether the batch was committed; then its result is known too. All of it was, or
  // nothing.
  absl::StatusOr<bool> FindStored(Connection& connection) {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run(
            "SELECT w.position, m.conversation_id, m.seq, m.id "
            "FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::text[]) "
            "WITH ORDINALITY "
            "AS w(user_low, user_high, sender_id, created_us, text, position) "
            "JOIN chatter.conversations c USING (user_low, user_high) "
            "CROSS JOIN LATERAL (SELECT * FROM chatter.messages m "
            "  WHERE m.conversation_id = c.id AND m.seq > $6 + "
            "    (SELECT max(seq) FROM chatter.messages WHERE conversation_id = c.id) "
            "  AND m.sender_id = w.sender_id AND m.created_us = w.created_us "
            "  AND m.text = w.text ORDER BY m.seq DESC LIMIT 1) m",
            ArrayOf(&LowOf), ArrayOf(&HighOf), ArrayOf(&NewMessage::sender_id),
            ArrayOf(&CreatedUs), ArrayOf(&NewMessage::text), -kInDoubtWindow));
    if (rows.size() == 0) return false;
    if (rows.size() != static_cast<int>(fresh_.size())) {
      return absl::InternalError("PostgreSQL: a part of a batch was stored");
    }
    for (int row = 0; row < rows.size(); ++row) {
      const size_t index = fresh_[static_cast<size_t>(rows.Integer(row, 0) - 1)];
      appended_[index] = {rows.Integer(row, 1), rows.Integer(row, 2),
                          rows.Integer(row, 3), messages_[index].created, false};
    }
    return true;
  }

  const absl::Span<const NewMessage> messages_;
  Numbering& numbering_;
  const absl::Time deadline_;
  std::vector<Appended> appended_;
  std::vector<size_t> fresh_;
  std::vector<std::pair<size_t, size_t>> repeats_;  // and what they repeat
  // The server process that was lost while it stored fresh_.
  std::optional<Backend> in_doubt_;
};

}  // namespace

absl::StatusOr<std::vector<Appended>> PostgresStorage::Append(
    absl::Span<const NewMessage> messages) {
  // One at a time: what one of them has numbered counts once it is stored.
  absl::MutexLock lock(&append_mutex_);
  AppendRun run(messages, numbering_, absl::Now() + pool_.patience());
  const absl::Status status =
      pool_.Repeat([&](Connection& connection) { return run.Try(connection); });
  if (status.ok()) return run.TakeResult();
  if (run.is_in_doubt()) return absl::UnknownError(status.message());
  return status;
}

}  // namespace chatter::storage::postgres
