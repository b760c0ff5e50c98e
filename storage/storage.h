// Where users, conversations, messages, ws tokens and the outbox live.
//
// One interface, two engines (sqlite/, postgres/), one conformance suite that holds both
// to every sentence here.
#ifndef CHATTER_STORAGE_STORAGE_H_
#define CHATTER_STORAGE_STORAGE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace chatter::storage {

// Names are unique, compared byte by byte, and never change; the group may.
struct Account {
  std::string name;   // 1 to 128 characters
  std::string group;  // at most 56 characters
};

struct User {
  int64_t id = 0;
  std::string name;
  std::string group;
};

// SHA-256 of a ws token. The token itself is never stored.
using TokenHash = std::array<uint8_t, 32>;

struct Token {
  TokenHash hash;
  int64_t user_id = 0;
  absl::Time expires;
};

// A direct message to append. The views must outlive the call.
struct NewMessage {
  int64_t sender_id = 0;
  std::string_view sender;     // the name of the user `sender_id`
  std::string_view recipient;  // the name of an existing user; may be the sender
  std::string_view text;
  std::string_view image_path;
  // Empty, or the sender's own name for the message: (sender, client_id) is stored once.
  std::string_view client_id;
  // Whole microseconds. This process gives no two messages of a sender the same, so
  // that a message whose commit is in doubt can be recognised.
  absl::Time created;
  // When set, a notification for the recipient enters the outbox in the same
  // transaction. It belongs to the caller until this moment, then to whoever claims it.
  std::optional<absl::Time> notify_due;
};

struct Appended {
  int64_t conversation = 0;
  int64_t seq = 0;  // dense in the conversation, from 1
  int64_t id = 0;   // below 2^53, growing with seq in a conversation
  absl::Time created;
  // The sender had stored this client_id before: the above is that first message's, and
  // nothing new was stored.
  bool duplicate = false;
};

struct Message {
  int64_t conversation = 0;
  int64_t seq = 0;
  int64_t id = 0;
  std::string sender;
  std::string recipient;
  std::string text;
  std::string image_path;
  std::string client_id;
  absl::Time created;
};

// A part of the direct conversation of two users, who may be the same one.
// At most one of before_seq, before_id and after_seq is set. All are exclusive.
struct HistoryQuery {
  std::string_view user;
  std::string_view with;
  std::optional<int64_t> before_seq;  // the page ends right before
  std::optional<int64_t> before_id;   // likewise; need not be an id of the conversation
  std::optional<int64_t> after_seq;   // the page starts right after
  int64_t skip = 0;  // leaves out that many before the bound; not with after_seq
  int limit = 0;     // at most this many messages
};

// Names one notification.
struct NotificationKey {
  int64_t conversation = 0;
  int64_t seq = 0;
  std::string recipient;
};

struct Notification {
  NotificationKey key;
  std::string sender;
  std::string text;
  absl::Time created;
  int attempts = 0;  // failed ones so far
};

struct NotificationRetry {
  NotificationKey key;
  int attempts = 0;
  absl::Time due;
};

struct OutboxState {
  int64_t waiting = 0;
  std::optional<absl::Time> oldest_due;  // nullopt: nothing waits
};

// Thread-safe. Every call blocks: never on an event thread.
//
// A call over several items is one transaction, all of it or nothing; results come in
// the order of the items. Durable when it returns (SQLite: WAL with synchronous=FULL;
// PostgreSQL: synchronous_commit as the server has it, `on` by default).
//
// Errors: kUnavailable: storage is away or busy beyond the engine's own patience
// (10 s), and nothing was changed; worth trying again. kUnknown: the connection was lost
// in the commit and it could not be found out whether it went through. kInternal: a
// defect, logged in full. Others where they are named. No message text in any error.
class Storage {
 public:
  virtual ~Storage() = default;

  // A random id of this database, made once: 32 hex digits.
  virtual const std::string& epoch() const = 0;

  // kUnavailable when the database cannot be read now.
  virtual absl::Status Ping() = 0;

  // kAlreadyExists when the name is taken.
  virtual absl::StatusOr<User> CreateUser(const Account& account) = 0;

  // Creates who is not there, and changes the group of who is there with another one.
  // A name that stands twice ends with the later group.
  virtual absl::StatusOr<std::vector<User>> EnsureUsers(
      absl::Span<const Account> accounts) = 0;

  // nullopt for a name that is nobody's.
  virtual absl::StatusOr<std::vector<std::optional<User>>> FindUsers(
      absl::Span<const std::string> names) = 0;

  // The group's users by name, byte order, those after `after` ("" for the first page).
  virtual absl::StatusOr<std::vector<User>> ListGroup(std::string_view group,
                                                      std::string_view after,
                                                      int limit) = 0;

  virtual absl::Status PutTokens(absl::Span<const Token> tokens) = 0;

  // Takes each token out and returns its user; nullopt for one that is unknown, was
  // taken before (in this call too) or has expired at `now`.
  virtual absl::StatusOr<std::vector<std::optional<User>>> RedeemTokens(
      absl::Span<const TokenHash> hashes, absl::Time now) = 0;

  // Returns how many went, at most `limit`.
  virtual absl::StatusOr<int> DeleteExpiredTokens(absl::Time now, int limit) = 0;

  // Stores messages in order: within a conversation seq follows the order of the span.
  // A client_id that stands twice in the span is stored once.
  virtual absl::StatusOr<std::vector<Appended>> Append(
      absl::Span<const NewMessage> messages) = 0;

  // Oldest first. An index range scan, whatever the conversation's length and the skip.
  virtual absl::StatusOr<std::vector<Message>> ReadHistory(const HistoryQuery& query) = 0;

  // Claims up to `limit` notifications that are due at `now`, oldest due first, by
  // moving their due time to `now + lease`, so that two processes do not both claim one.
  virtual absl::StatusOr<std::vector<Notification>> ClaimNotifications(
      absl::Time now, absl::Duration lease, int limit) = 0;

  // Removes delivered (or refused) ones. Unknown keys are ignored.
  virtual absl::Status RemoveNotifications(absl::Span<const NotificationKey> keys) = 0;

  // Records a failed attempt. Unknown keys are ignored.
  virtual absl::Status RetryNotifications(
      absl::Span<const NotificationRetry> retries) = 0;

  // How much waits, for the operator: counted up to `limit`, claimed ones too, whose due
  // time is the end of their lease.
  virtual absl::StatusOr<OutboxState> InspectOutbox(int64_t limit) = 0;
};

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_STORAGE_H_
