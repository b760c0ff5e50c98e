#include "storage/postgres/takeover.h"

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

constexpr char kImport[] =
#include "storage/postgres/takeover_sql.inc"
    ;

// Of the tables in public with the old names: how many there are, and how many have the
// old columns. Asks the catalogue alone.
constexpr char kFindOldTables[] =
    "SELECT count(*), count(*) FILTER (WHERE columns = CASE name "
    "  WHEN 'users' THEN 'id integer, user_group character varying(56), "
    "username character varying(128)' "
    "  WHEN 'tokens' THEN 'expiration timestamp with time zone, token text, "
    "username character varying(128)' "
    "  WHEN 'messages' THEN 'created_at timestamp with time zone, id integer, "
    "image_path text, message text, username_from character varying(128), "
    "username_to character varying(128)' END) "
    "FROM (SELECT c.relname AS name, string_agg(a.attname || ' ' || "
    "    format_type(a.atttypid, a.atttypmod), ', ' ORDER BY a.attname) AS columns "
    "  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "  JOIN pg_attribute a ON a.attrelid = c.oid "
    "  WHERE n.nspname = 'public' AND c.relkind = 'r' "
    "  AND c.relname IN ('users', 'tokens', 'messages') "
    "  AND a.attnum > 0 AND NOT a.attisdropped GROUP BY c.relname) AS tables";
constexpr int64_t kOldTables = 3;

constexpr char kOwnData[] =
    "SELECT FROM chatter.users UNION ALL SELECT FROM chatter.conversations "
    "UNION ALL SELECT FROM chatter.messages LIMIT 1";

absl::StatusOr<bool> HasRows(Connection& connection, const char* sql) {
  CHATTER_ASSIGN_OR_RETURN(const Rows rows, connection.Run(sql));
  return rows.size() > 0;
}

absl::StatusOr<bool> IsDecided(Connection& connection) {
  return HasRows(connection, "SELECT FROM chatter.takeover");
}

absl::StatusOr<bool> FindOldTables(Connection& connection) {
  CHATTER_ASSIGN_OR_RETURN(const Rows found, connection.Run(kFindOldTables));
  if (found.Integer(0, 0) != kOldTables) return false;
  if (found.Integer(0, 1) == kOldTables) return true;
  LOG(INFO) << "the tables users, tokens and messages in the schema public do not have "
               "the old service's columns: they are not taken over";
  return false;
}

absl::StatusOr<Takeover> Import(Connection& connection) {
  LOG(INFO) << "takes over the old service's users and messages; whoever writes to its "
               "tables in the schema public waits until that is done";
  CHATTER_RETURN_IF_ERROR(connection.Execute(kImport));
  CHATTER_ASSIGN_OR_RETURN(
      const Rows rows,
      connection.Run("SELECT users, messages, nameless_messages FROM chatter.takeover"));
  return Takeover{true, rows.Integer(0, 0), rows.Integer(0, 1), rows.Integer(0, 2)};
}

absl::StatusOr<Takeover> Decide(Connection& connection) {
  // Another process may be at work on a database that was made before.
  CHATTER_RETURN_IF_ERROR(
      connection.Execute("LOCK TABLE chatter.users, chatter.conversations, "
                         "chatter.messages IN SHARE ROW EXCLUSIVE MODE"));
  CHATTER_ASSIGN_OR_RETURN(const bool has_own_data, HasRows(connection, kOwnData));
  if (!has_own_data) return Import(connection);
  CHATTER_RETURN_IF_ERROR(
      connection.Execute("INSERT INTO chatter.takeover DEFAULT VALUES"));
  return Takeover();
}

absl::Status CannotTakeOver(const absl::Status& why) {
  return absl::Status(
      why.code(),
      absl::StrCat("the old service's tables cannot be taken over: ", why.message()));
}

}  // namespace

absl::StatusOr<std::optional<Takeover>> TakeOver(Connection& connection) {
  CHATTER_ASSIGN_OR_RETURN(const bool is_decided, IsDecided(connection));
  if (is_decided) return std::nullopt;
  CHATTER_ASSIGN_OR_RETURN(const bool are_there, FindOldTables(connection));
  if (!are_there) return std::nullopt;
  absl::StatusOr<Takeover> takeover = Decide(connection);
  if (!takeover.ok()) return CannotTakeOver(takeover.status());
  return *takeover;
}

absl::StatusOr<bool> WouldImport(Connection& connection) {
  CHATTER_ASSIGN_OR_RETURN(const Rows made,
                           connection.Run("SELECT to_regclass('chatter.users'), "
                                          "to_regclass('chatter.takeover')"));
  if (!made.IsNull(0, 0)) {
    CHATTER_ASSIGN_OR_RETURN(const bool has_own_data, HasRows(connection, kOwnData));
    if (has_own_data) return false;
  }
  if (!made.IsNull(0, 1)) {
    CHATTER_ASSIGN_OR_RETURN(const bool is_decided, IsDecided(connection));
    if (is_decided) return false;
  }
  CHATTER_ASSIGN_OR_RETURN(const bool are_there, FindOldTables(connection));
  if (!are_there) return false;
  // What LOCK TABLE … IN SHARE MODE wants, and SELECT.
  CHATTER_ASSIGN_OR_RETURN(
      const bool may_import,
      HasRows(connection,
              "SELECT WHERE has_table_privilege('public.users', 'SELECT') "
              "AND has_table_privilege('public.users', 'UPDATE, DELETE, TRUNCATE') "
              "AND has_table_privilege('public.messages', 'SELECT') "
              "AND has_table_privilege('public.messages', 'UPDATE, DELETE, TRUNCATE')"));
  if (may_import) return true;
  return CannotTakeOver(absl::FailedPreconditionError(
      "this role may not SELECT from and UPDATE public.users and public.messages"));
}

void Log(const Takeover& takeover) {
  if (!takeover.imported) {
    LOG(WARNING) << "the old service's tables in the schema public are not taken over, "
                    "now or later: the schema chatter has users or messages already";
    return;
  }
  LOG(INFO) << "took over " << takeover.users << " users and " << takeover.messages
            << " messages";
  if (takeover.nameless_messages > 0) {
    LOG(WARNING) << "left out " << takeover.nameless_messages
                 << " messages without a sender or a recipient";
  }
}

}  // namespace chatter::storage::postgres
