#include "storage/postgres/numbering.h"

#include <vector>

#include "storage/postgres/array.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

constexpr char kRead[] =
    "SELECT c.user_low, c.user_high, c.id, "
    "  coalesce((SELECT max(seq) FROM chatter.messages WHERE conversation_id = c.id), 0) "
    "FROM unnest($1::text[], $2::text[]) AS w(user_low, user_high) "
    "JOIN chatter.conversations c USING (user_low, user_high)";
// In the order given, which two processes share.
constexpr char kMake[] =
    "INSERT INTO chatter.conversations (user_low, user_high) "
    "SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING";

Binary LowOf(const std::vector<Names>& all) {
  return ToArray(all, [](const Names& names) { return names.first; });
}
Binary HighOf(const std::vector<Names>& all) {
  return ToArray(all, [](const Names& names) { return names.second; });
}

}  // namespace

absl::Status Numbering::Learn(Connection& connection,
                              absl::Span<const Names> conversations) {
  // A server that comes back from a crash, or another one in its place, may have lost
  // what it had acknowledged, if it is set up so.
  if (connection.number() > newest_connection_) {
    conversations_.ForgetAll();
    newest_connection_ = connection.number();
  }
  if (conversations_.size() + conversations.size() > NumberedConversations::kMost) {
    conversations_.ForgetAll();
  }
  std::vector<Names> unknown;
  const auto find_unknown = [&] {
    unknown.clear();
    for (const Names& names : conversations) {
      if (conversations_.Find(names.first, names.second) == nullptr) {
        unknown.push_back(names);
      }
    }
  };
  const auto read = [&]() -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(const Rows rows,
                             connection.Run(kRead, LowOf(unknown), HighOf(unknown)));
    for (int row = 0; row < rows.size(); ++row) {
      conversations_.Remember(rows.Text(row, 0), rows.Text(row, 1),
                              {rows.Integer(row, 2), rows.Integer(row, 3)});
    }
    find_unknown();
    return absl::OkStatus();
  };
  find_unknown();
  if (unknown.empty()) return absl::OkStatus();
  CHATTER_RETURN_IF_ERROR(read());
  if (unknown.empty()) return absl::OkStatus();
  CHATTER_RETURN_IF_ERROR(
      connection.Run(kMake, LowOf(unknown), HighOf(unknown)).status());
  CHATTER_RETURN_IF_ERROR(read());
  if (unknown.empty()) return absl::OkStatus();
  return absl::InternalError("PostgreSQL: a new conversation is not there");
}

}  // namespace chatter::storage::postgres
