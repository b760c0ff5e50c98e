// Storing messages in SQLite.
#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "storage/sqlite/numbering.h"
#include "storage/sqlite/place.h"
#include "storage/sqlite/sqlite_engine.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

// One call of Append, within its transaction.
class AppendRun {
 public:
  AppendRun(Connection& connection, Numbering& numbering,
            absl::Span<const NewMessage> messages)
      : connection_(connection), numbering_(numbering), messages_(messages) {}

  absl::StatusOr<std::vector<Appended>> Run() {
    CHATTER_RETURN_IF_ERROR(PrepareStatements());
    appended_.resize(messages_.size());
    fresh_.reserve(messages_.size());
    for (size_t i = 0; i < messages_.size(); ++i) CHATTER_RETURN_IF_ERROR(TakeSeq(i));
    CHATTER_ASSIGN_OR_RETURN(
        int64_t id, numbering_.TakeIds(connection_, static_cast<int64_t>(fresh_.size())));
    for (const size_t i : fresh_) appended_[i].id = id++;
    // Neighbours in the table one after the other.
    std::sort(fresh_.begin(), fresh_.end(),
              [this](size_t a, size_t b) { return PlaceAt(a) < PlaceAt(b); });
    for (const size_t i : fresh_) CHATTER_RETURN_IF_ERROR(Store(i));
    for (const size_t i : repeats_) CHATTER_RETURN_IF_ERROR(FindFirst(i));
    return std::move(appended_);
  }

 private:
  absl::Status PrepareStatements() {
    CHATTER_ASSIGN_OR_RETURN(
        insert_message_,
        connection_.Prepare("INSERT INTO messages (place, id, sender_id, text, "
                            "image_path, client_id, created_us) "
                            "VALUES (?, ?, ?, ?, ?, ?, ?)"));
    CHATTER_ASSIGN_OR_RETURN(
        insert_client_id_,
        connection_.Prepare("INSERT INTO client_ids (sender_id, client_id, "
                            "conversation_id, seq) VALUES (?, ?, ?, ?) "
                            "ON CONFLICT DO NOTHING"));
    CHATTER_ASSIGN_OR_RETURN(
        insert_notification_,
        connection_.Prepare("INSERT INTO outbox (conversation_id, seq, recipient, "
                            "attempts, due_us) VALUES (?, ?, ?, 0, ?)"));
    return absl::OkStatus();
  }

  // The next one of its conversation; none for what repeats another message.
  absl::Status TakeSeq(size_t index) {
    const NewMessage& message = messages_[index];
    const auto [low, high] = std::minmax(message.sender, message.recipient);
    CHATTER_ASSIGN_OR_RETURN(NumberedConversation * conversation,
                             numbering_.Find(connection_, low, high));
    if (conversation == nullptr) {
      if (!message.client_id.empty()) {
        CHATTER_ASSIGN_OR_RETURN(const bool is_repeat, HasClientId(message));
        if (is_repeat) {
          repeats_.push_back(index);
          return absl::OkStatus();
        }
      }
      CHATTER_ASSIGN_OR_RETURN(conversation, numbering_.Create(connection_, low, high));
    }
    const int64_t seq = conversation->last_seq + 1;
    if (!message.client_id.empty()) {
      CHATTER_RETURN_IF_ERROR(
          insert_client_id_
              ->Bind(message.sender_id, message.client_id, conversation->id, seq)
              .Run());
      if (connection_.changes() == 0) {
        repeats_.push_back(index);
        return absl::OkStatus();
      }
    }
    conversation->last_seq = seq;
    fresh_.push_back(index);
    appended_[index] = {conversation->id, seq, 0, message.created, false};
    return absl::OkStatus();
  }

  int64_t PlaceAt(size_t index) const {
    return PlaceOf(appended_[index].conversation, appended_[index].seq);
  }

  absl::Status Store(size_t index) {
    const NewMessage& message = messages_[index];
    CHATTER_RETURN_IF_ERROR(insert_message_
                                ->Bind(PlaceAt(index), appended_[index].id,
                                       message.sender_id, message.text,
                                       message.image_path, message.client_id,
                                       absl::ToUnixMicros(message.created))
                                .Run());
    if (!message.notify_due.has_value()) return absl::OkStatus();
    return insert_notification_
        ->Bind(appended_[index].conversation, appended_[index].seq, message.recipient,
               absl::ToUnixMicros(*message.notify_due))
        .Run();
  }

  absl::StatusOr<bool> HasClientId(const NewMessage& message) {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const find,
        connection_.Prepare(
            "SELECT 1 FROM client_ids WHERE sender_id = ? AND client_id = ?"));
    CHATTER_ASSIGN_OR_RETURN(const bool found,
                             find->Bind(message.sender_id, message.client_id).Step());
    find->Reset();
    return found;
  }

  // The outcome of the message that was the first with this client id.
  absl::Status FindFirst(size_t index) {
    const NewMessage& message = messages_[index];
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const find,
        connection_.Prepare(
            "SELECT c.conversation_id, c.seq, m.id, m.created_us FROM client_ids c "
            "JOIN messages m ON m.place = (c.conversation_id << 32 | c.seq) "
            "WHERE c.sender_id = ? AND c.client_id = ?"));
    CHATTER_ASSIGN_OR_RETURN(const bool found,
                             find->Bind(message.sender_id, message.client_id).Step());
    if (!found) return absl::InternalError("a client id has no message");
    appended_[index] = {find->Integer(0), find->Integer(1), find->Integer(2),
                        absl::FromUnixMicros(find->Integer(3)), true};
    find->Reset();
    return absl::OkStatus();
  }

  Connection& connection_;
  Numbering& numbering_;
  const absl::Span<const NewMessage> messages_;
  std::vector<Appended> appended_;
  std::vector<size_t> fresh_;    // what is stored
  std::vector<size_t> repeats_;  // and what was before
  Statement* insert_message_ = nullptr;
  Statement* insert_client_id_ = nullptr;
  Statement* insert_notification_ = nullptr;
};

}  // namespace

absl::StatusOr<std::vector<Appended>> SqliteStorage::Append(
    absl::Span<const NewMessage> messages) {
  std::vector<Appended> appended;
  CHATTER_RETURN_IF_ERROR(WriteNumbered([&](Connection& connection,
                                            Numbering& numbering) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(appended, AppendRun(connection, numbering, messages).Run());
    return absl::OkStatus();
  }));
  return appended;
}

}  // namespace chatter::storage::sqlite
