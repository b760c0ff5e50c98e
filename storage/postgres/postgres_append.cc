// Storing messages in PostgreSQL: one statement for a whole batch, and what happens when
// the connection is lost before its outcome is known.
#include <algorithm>
#include <numeric>
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

using Names = std::pair<std::string_view, std::string_view>;

Names ConversationOf(const NewMessage& message) {
  return std::minmax(message.sender, message.recipient);
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
    CHATTER_RETURN_IF_ERROR(FindDuplicates(connection));
    if (fresh_.empty()) return absl::OkStatus();
    const absl::Status status = Insert(connection);
    if (connection.broken()) in_doubt_ = connection.backend();
    // Somebody stored one of the client ids meanwhile: found at the next try.
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
  // Sorts out which messages were stored before, and which repeat another one of the
  // batch. The others are fresh, in the order in which they are inserted: by
  // conversation, so that two processes lock conversations in the same order.
  absl::Status FindDuplicates(Connection& connection) {
    fresh_.resize(messages_.size());
    std::iota(fresh_.begin(), fresh_.end(), size_t{0});
    repeats_.clear();
    std::vector<size_t> named;
    for (size_t i = 0; i < messages_.size(); ++i) {
      if (!messages_[i].client_id.empty()) named.push_back(i);
    }
    if (!named.empty()) CHATTER_RETURN_IF_ERROR(FindClientIds(connection, named));
    std::stable_sort(fresh_.begin(), fresh_.end(), [this](size_t a, size_t b) {
      return ConversationOf(messages_[a]) < ConversationOf(messages_[b]);
    });
    return absl::OkStatus();
  }

  absl::Status FindClientIds(Connection& connection, const std::vector<size_t>& named) {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run(
            "SELECT w.position, m.conversation_id, m.seq, m.id, m.created_us "
            "FROM unnest($1::bigint[], $2::text[]) WITH ORDINALITY "
            "AS w(sender_id, client_id, position) "
            "JOIN chatter.client_ids c USING (sender_id, client_id) "
            "JOIN chatter.messages m "
            "ON m.conversation_id = c.conversation_id AND m.seq = c.seq",
            ToArray(named, [this](size_t i) { return messages_[i].sender_id; }),
            ToArray(named, [this](size_t i) { return messages_[i].client_id; })));
    std::vector<bool> known(messages_.size());
    for (int row = 0; row < rows.size(); ++row) {
      const size_t index = named[static_cast<size_t>(rows.Integer(row, 0) - 1)];
      known[index] = true;
      appended_[index] = {rows.Integer(row, 1), rows.Integer(row, 2),
                          rows.Integer(row, 3),
                          absl::FromUnixMicros(rows.Integer(row, 4)), true};
    }
    absl::flat_hash_map<std::pair<int64_t, absl::string_view>, size_t> first;
    for (const size_t i : named) {
      if (known[i]) continue;
      const std::string_view id = messages_[i].client_id;
      const auto [entry, is_first] = first.try_emplace(
          std::make_pair(messages_[i].sender_id, absl::string_view(id.data(), id.size())),
          i);
      if (is_first) continue;
      known[i] = true;
      repeats_.push_back({i, entry->second});
    }
    fresh_.erase(
        std::remove_if(fresh_.begin(), fresh_.end(), [&](size_t i) { return known[i]; }),
        fresh_.end());
    return absl::OkStatus();
  }

  // Locks the conversations and moves their last seq on; numbers the messages; only then,
  // with the locks held, takes their ids, in the order of the numbers.
  absl::Status Insert(Connection& connection) {
    struct Share {
      Names names;
      int64_t messages;
    };
    std::vector<Share> conversations;
    std::vector<int64_t> conversation_of, position_of;  // of fresh_, both from 1
    for (const size_t i : fresh_) {
      const Names names = ConversationOf(messages_[i]);
      if (conversations.empty() || conversations.back().names != names) {
        conversations.push_back({names, 0});
      }
      conversation_of.push_back(static_cast<int64_t>(conversations.size()));
      position_of.push_back(++conversations.back().messages);
    }
    const auto self = [](int64_t value) { return value; };
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run(
            "WITH wanted AS MATERIALIZED ("
            "  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH "
            "ORDINALITY "
            "  AS w(user_low, user_high, messages, ordinal)), "
            "locked AS ("
            "  INSERT INTO chatter.conversations AS c (user_low, user_high, last_seq) "
            "  SELECT user_low, user_high, messages FROM wanted ORDER BY ordinal "
            "  ON CONFLICT (user_low, user_high) "
            "  DO UPDATE SET last_seq = c.last_seq + excluded.last_seq "
            "  RETURNING id, user_low, user_high, last_seq), "
            "numbered AS MATERIALIZED ("
            "  SELECT l.id AS conversation_id, "
            "    l.last_seq - w.messages + m.position AS seq, m.* "
            "  FROM locked l JOIN wanted w USING (user_low, user_high) "
            "  JOIN unnest($4::bigint[], $5::bigint[], $6::bigint[], $7::text[], "
            "    $8::text[], $9::text[], $10::text[], $11::bigint[], $12::bigint[]) "
            "  AS m(ordinal, position, sender_id, recipient, text, image_path, "
            "    client_id, created_us, due_us) USING (ordinal) "
            "  ORDER BY ordinal, position), "
            "stored AS ("
            "  INSERT INTO chatter.messages "
            "  SELECT conversation_id, seq, nextval('chatter.message_ids'), sender_id, "
            "    text, image_path, client_id, created_us FROM numbered "
            "  RETURNING conversation_id, seq, id), "
            "named AS ("
            "  INSERT INTO chatter.client_ids "
            "  SELECT sender_id, client_id, conversation_id, seq FROM numbered "
            "  WHERE client_id <> ''), "
            "notified AS ("
            "  INSERT INTO chatter.outbox "
            "  SELECT conversation_id, seq, recipient, 0, due_us FROM numbered "
            "  WHERE due_us IS NOT NULL) "
            "SELECT conversation_id, seq, id FROM stored ORDER BY id",
            ToArray(conversations, [](const Share& c) { return c.names.first; }),
            ToArray(conversations, [](const Share& c) { return c.names.second; }),
            ToArray(conversations, [](const Share& c) { return c.messages; }),
            ToArray(conversation_of, self), ToArray(position_of, self),
            ToArray(fresh_, [this](size_t i) { return messages_[i].sender_id; }),
            ToArray(fresh_, [this](size_t i) { return messages_[i].recipient; }),
            ToArray(fresh_, [this](size_t i) { return messages_[i].text; }),
            ToArray(fresh_, [this](size_t i) { return messages_[i].image_path; }),
            ToArray(fresh_, [this](size_t i) { return messages_[i].client_id; }),
            CreatedArray(), ToArray(fresh_, [this](size_t i) -> std::optional<int64_t> {
              const std::optional<absl::Time>& due = messages_[i].notify_due;
              if (!due.has_value()) return std::nullopt;
              return absl::ToUnixMicros(*due);
            })));
    for (int row = 0; row < rows.size(); ++row) {
      const size_t index = fresh_[static_cast<size_t>(row)];
      appended_[index] = {rows.Integer(row, 0), rows.Integer(row, 1),
                          rows.Integer(row, 2), messages_[index].created, false};
    }
    return absl::OkStatus();
  }

  Binary CreatedArray() const {
    return ToArray(fresh_,
                   [this](size_t i) { return absl::ToUnixMicros(messages_[i].created); });
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
            ToArray(fresh_,
                    [this](size_t i) { return ConversationOf(messages_[i]).first; }),
            ToArray(fresh_,
                    [this](size_t i) { return ConversationOf(messages_[i]).second; }),
            ToArray(fresh_, [this](size_t i) { return messages_[i].sender_id; }),
            CreatedArray(),
            ToArray(fresh_, [this](size_t i) { return messages_[i].text; }),
            kInDoubtWindow));
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
