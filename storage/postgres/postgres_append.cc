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
constexpr absl::Duration kBackendPollInterval = absl::Milliseconds(20);

// One message of a conversation that is there. `plain`: it has no client id, and no
// notification is due; others need more tables.
constexpr char kStorePlainOne[] =
    "WITH locked AS ("
    "  UPDATE chatter.conversations SET last_seq = last_seq + 1 "
    "  WHERE user_low = $1 AND user_high = $2 RETURNING id, last_seq) "
    "INSERT INTO chatter.messages "
    "SELECT id, last_seq, nextval('chatter.message_ids'), $3::bigint, $4::text, "
    "  $5::text, '', $6::bigint FROM locked "
    "RETURNING conversation_id, seq, id, sender_id, created_us";
constexpr char kStoreOne[] =
    "WITH locked AS ("
    "  UPDATE chatter.conversations SET last_seq = last_seq + 1 "
    "  WHERE user_low = $1 AND user_high = $2 RETURNING id, last_seq), "
    "named AS ("
    "  INSERT INTO chatter.client_ids "
    "  SELECT $3::bigint, $7::text, id, last_seq FROM locked WHERE $7 <> ''), "
    "notified AS ("
    "  INSERT INTO chatter.outbox "
    "  SELECT id, last_seq, $8::text, 0, ($9::bigint[])[1] FROM locked "
    "  WHERE ($9::bigint[])[1] IS NOT NULL) "
    "INSERT INTO chatter.messages "
    "SELECT id, last_seq, nextval('chatter.message_ids'), $3, $4::text, $5::text, $7, "
    "  $6::bigint FROM locked "
    "RETURNING conversation_id, seq, id, sender_id, created_us";

// A batch. Locks the conversations in the order given and moves their last seq on;
// numbers the messages, each from the last seq and how many come after it; only then,
// with the locks held, takes their ids. Arrays say which conversation is whose: should
// they not be in the order given, there are no conversation ids, and the statement fails.
constexpr char kStorePlainBatch[] =
    "WITH locked AS ("
    "  INSERT INTO chatter.conversations AS c (user_low, user_high, last_seq) "
    "  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) "
    "  ON CONFLICT (user_low, user_high) "
    "  DO UPDATE SET last_seq = c.last_seq + excluded.last_seq "
    "  RETURNING id, user_low, user_high, last_seq), "
    "arrays AS (SELECT array_agg(last_seq) AS last_seqs, "
    "    CASE WHEN array_agg(user_low) = $1 AND array_agg(user_high) = $2 "
    "      THEN array_agg(id) END AS ids "
    "  FROM locked) "
    "INSERT INTO chatter.messages "
    "SELECT conversation_id, seq, nextval('chatter.message_ids'), sender_id, text, "
    "  image_path, '', created_us "
    "FROM (SELECT (SELECT ids FROM arrays)[ordinal] AS conversation_id, "
    "    (SELECT last_seqs FROM arrays)[ordinal] - following AS seq, m.* "
    "  FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], "
    "    $9::bigint[]) "
    "  AS m(ordinal, following, sender_id, text, image_path, created_us) "
    "  OFFSET 0) AS numbered "
    "RETURNING conversation_id, seq, id, sender_id, created_us";
constexpr char kStoreBatch[] =
    "WITH locked AS ("
    "  INSERT INTO chatter.conversations AS c (user_low, user_high, last_seq) "
    "  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) "
    "  ON CONFLICT (user_low, user_high) "
    "  DO UPDATE SET last_seq = c.last_seq + excluded.last_seq "
    "  RETURNING id, user_low, user_high, last_seq), "
    "arrays AS (SELECT array_agg(last_seq) AS last_seqs, "
    "    CASE WHEN array_agg(user_low) = $1 AND array_agg(user_high) = $2 "
    "      THEN array_agg(id) END AS ids "
    "  FROM locked), "
    "numbered AS MATERIALIZED ("
    "  SELECT (SELECT ids FROM arrays)[ordinal] AS conversation_id, "
    "    (SELECT last_seqs FROM arrays)[ordinal] - following AS seq, m.* "
    "  FROM unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], "
    "    $9::bigint[], $10::text[], $11::text[], $12::bigint[]) "
    "  AS m(ordinal, following, sender_id, text, image_path, created_us, client_id, "
    "    recipient, due_us)), "
    "named AS ("
    "  INSERT INTO chatter.client_ids "
    "  SELECT sender_id, client_id, conversation_id, seq FROM numbered "
    "  WHERE client_id <> ''), "
    "notified AS ("
    "  INSERT INTO chatter.outbox "
    "  SELECT conversation_id, seq, recipient, 0, due_us FROM numbered "
    "  WHERE due_us IS NOT NULL) "
    "INSERT INTO chatter.messages "
    "SELECT conversation_id, seq, nextval('chatter.message_ids'), sender_id, text, "
    "  image_path, client_id, created_us FROM numbered "
    "RETURNING conversation_id, seq, id, sender_id, created_us";

using Names = std::pair<std::string_view, std::string_view>;

Names ConversationOf(const NewMessage& message) {
  return std::minmax(message.sender, message.recipient);
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
  AppendRun(absl::Span<const NewMessage> messages, absl::Time deadline)
      : messages_(messages), deadline_(deadline), appended_(messages.size()) {}

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
    if (absl::IsAlreadyExists(status)) {
      // Some of the client ids, which is seldom: then nothing of the batch was stored.
      CHATTER_RETURN_IF_ERROR(FindStoredClientIds(connection));
      status = Insert(connection);
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
    if (fresh_.size() == 1) {
      CHATTER_ASSIGN_OR_RETURN(const Rows rows, InsertOne(connection));
      if (rows.size() == 1) return TakeNumbers(rows);
      // Its conversation is not there yet.
    }
    CHATTER_ASSIGN_OR_RETURN(const Rows rows, InsertBatch(connection));
    return TakeNumbers(rows);
  }

  absl::StatusOr<Rows> InsertOne(Connection& connection) const {
    const NewMessage& message = messages_[fresh_[0]];
    const auto [low, high] = ConversationOf(message);
    if (IsPlain(message)) {
      return connection.Run(kStorePlainOne, low, high, message.sender_id, message.text,
                            message.image_path, CreatedUs(message));
    }
    return connection.Run(kStoreOne, low, high, message.sender_id, message.text,
                          message.image_path, CreatedUs(message), message.client_id,
                          message.recipient, ArrayOf(&DueUs));
  }

  absl::StatusOr<Rows> InsertBatch(Connection& connection) {
    struct Share {
      Names names;
      int64_t messages;
    };
    struct Position {
      int64_t conversation;  // from 1
      int64_t in_share;      // from 1
    };
    std::vector<Share> shares;
    std::vector<Position> positions;
    positions.reserve(fresh_.size());
    bool is_plain = true;
    for (const size_t i : fresh_) {
      is_plain = is_plain && IsPlain(messages_[i]);
      const Names names = ConversationOf(messages_[i]);
      if (shares.empty() || shares.back().names != names) shares.push_back({names, 0});
      positions.push_back(
          {static_cast<int64_t>(shares.size()), ++shares.back().messages});
    }
    const auto following = [&](const Position& position) {
      return shares[static_cast<size_t>(position.conversation - 1)].messages -
             position.in_share;
    };
    const auto run = [&](const char* sql, const auto&... more) {
      return connection.Run(
          sql, ToArray(shares, [](const Share& share) { return share.names.first; }),
          ToArray(shares, [](const Share& share) { return share.names.second; }),
          ToArray(shares, [](const Share& share) { return share.messages; }),
          ToArray(positions,
                  [](const Position& position) { return position.conversation; }),
          ToArray(positions, following), ArrayOf(&NewMessage::sender_id),
          ArrayOf(&NewMessage::text), ArrayOf(&NewMessage::image_path),
          ArrayOf(&CreatedUs), more...);
    };
    if (is_plain) return run(kStorePlainBatch);
    return run(kStoreBatch, ArrayOf(&NewMessage::client_id),
               ArrayOf(&NewMessage::recipient), ArrayOf(&DueUs));
  }

  // Of those that are fresh, in their order. SQL does not promise it, so it is checked:
  // sender and time say which message a row is.
  absl::Status TakeNumbers(const Rows& rows) {
    if (rows.size() != static_cast<int>(fresh_.size())) {
      return absl::InternalError("PostgreSQL: a part of a batch was stored");
    }
    int64_t last_id = 0;
    for (int row = 0; row < rows.size(); ++row) {
      const size_t index = fresh_[static_cast<size_t>(row)];
      const NewMessage& message = messages_[index];
      const int64_t id = rows.Integer(row, 2);
      if (id <= last_id || rows.Integer(row, 3) != message.sender_id ||
          rows.Integer(row, 4) != CreatedUs(message)) {
        return absl::InternalError("PostgreSQL: a batch was stored in another order");
      }
      last_id = id;
      appended_[index] = {rows.Integer(row, 0), rows.Integer(row, 1), id, message.created,
                          false};
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
            "  WHERE m.conversation_id = c.id AND m.seq > c.last_seq - $6 "
            "  AND m.sender_id = w.sender_id AND m.created_us = w.created_us "
            "  AND m.text = w.text ORDER BY m.seq DESC LIMIT 1) m",
            ArrayOf(
                [](const NewMessage& message) { return ConversationOf(message).first; }),
            ArrayOf(
                [](const NewMessage& message) { return ConversationOf(message).second; }),
            ArrayOf(&NewMessage::sender_id), ArrayOf(&CreatedUs),
            ArrayOf(&NewMessage::text), kInDoubtWindow));
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
  AppendRun run(messages, absl::Now() + pool_.patience());
  const absl::Status status =
      pool_.Repeat([&](Connection& connection) { return run.Try(connection); });
  if (status.ok()) return run.TakeResult();
  if (run.is_in_doubt()) return absl::UnknownError(status.message());
  return status;
}

}  // namespace chatter::storage::postgres
