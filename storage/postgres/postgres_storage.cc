// Opening, users and tokens of the PostgreSQL engine.
#include "storage/postgres/postgres_storage.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "storage/migrations/migrations.h"
#include "storage/postgres/array.h"
#include "storage/postgres/postgres_engine.h"
#include "storage/postgres/takeover.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

// One stores messages; the others are for all else that goes on at the same time.
constexpr int kConnections = 5;

// A migration may have much to do, and waits for that of another process.
constexpr absl::Duration kMigrationTimeout = absl::Hours(1);
// Any number of our own: what processes that migrate the same database agree on.
constexpr char kLockMigrations[] = "SELECT pg_advisory_xact_lock(7163384699739271168)";

// In one transaction, under a lock that a second process waits for.
absl::Status MigrateUnderLock(Connection& connection) {
  CHATTER_RETURN_IF_ERROR(connection.Execute("SET LOCAL client_min_messages = warning"));
  CHATTER_RETURN_IF_ERROR(connection.Execute(kLockMigrations));
  CHATTER_ASSIGN_OR_RETURN(
      const Rows table, connection.Run("SELECT to_regclass('chatter.schema_version')"));
  if (table.IsNull(0, 0)) {
    CHATTER_RETURN_IF_ERROR(connection.Execute(
        "CREATE SCHEMA IF NOT EXISTS chatter;"
        "CREATE TABLE chatter.schema_version (version integer NOT NULL)"));
  }
  CHATTER_ASSIGN_OR_RETURN(
      const Rows current,
      connection.Run("SELECT coalesce(max(version), 0) FROM chatter.schema_version"));
  const int64_t version = current.Integer(0, 0);
  const absl::Span<const Migration> migrations = PostgresMigrations();
  CHATTER_RETURN_IF_ERROR(CheckSchemaVersion(version, migrations));
  for (const Migration& migration : migrations) {
    if (migration.version <= version) continue;
    CHATTER_RETURN_IF_ERROR(connection.Execute(std::string(migration.sql)));
    CHATTER_RETURN_IF_ERROR(connection
                                .Run("INSERT INTO chatter.schema_version VALUES ($1)",
                                     int64_t{migration.version})
                                .status());
  }
  return absl::OkStatus();
}

absl::Status Migrate(Connection& connection) {
  std::optional<Takeover> takeover;
  CHATTER_RETURN_IF_ERROR(connection.InTransaction([&]() -> absl::Status {
    CHATTER_RETURN_IF_ERROR(MigrateUnderLock(connection));
    CHATTER_ASSIGN_OR_RETURN(takeover, TakeOver(connection));
    return absl::OkStatus();
  }));
  if (takeover.has_value()) Log(*takeover);
  return absl::OkStatus();
}

User ReadUser(const Rows& rows, int row, int column) {
  return {rows.Integer(row, column), std::string(rows.Text(row, column + 1)),
          std::string(rows.Text(row, column + 2))};
}

Bytes BytesOf(const TokenHash& hash) {
  return {{reinterpret_cast<const char*>(hash.data()), hash.size()}};
}

// As bytea has it in text form.
std::string HexOf(const TokenHash& hash) {
  return absl::StrCat("\\x",
                      absl::BytesToHexString(absl::string_view(
                          reinterpret_cast<const char*>(hash.data()), hash.size())));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& url,
                                              absl::Duration patience) {
  return PostgresStorage::Open(url, patience);
}

absl::StatusOr<std::string> Check(const std::string& url) {
  CHATTER_ASSIGN_OR_RETURN(PostgresTarget target, ParsePostgresUrl(url));
  target.statement_timeout = kPatience;
  std::string found;
  CHATTER_RETURN_IF_ERROR(
      Pool(std::move(target), 1, /*patience=*/absl::ZeroDuration())
          .Repeat([&](Connection& connection) -> absl::Status {
            CHATTER_ASSIGN_OR_RETURN(
                const Rows database,
                connection.Run(
                    "SELECT current_database(), current_setting('server_version'), "
                    "to_regclass('chatter.schema_version') IS NOT NULL AS made, "
                    "has_database_privilege(current_database(), 'CREATE') AS may_make, "
                    "current_setting('transaction_read_only')"));
            found = absl::StrCat("database ", std::string(database.Text(0, 0)),
                                 ", PostgreSQL ", std::string(database.Text(0, 1)));
            if (database.Text(0, 4) == "on") {
              return absl::UnavailableError(
                  absl::StrCat(found, ": it takes no writes, as a standby does"));
            }
            if (database.Text(0, 2) != "t") {
              absl::StrAppend(&found, ", tables made at the first start");
              if (database.Text(0, 3) != "t") {
                return absl::FailedPreconditionError(
                    "the schema chatter is not there, and this role may not make it");
              }
            } else {
              CHATTER_ASSIGN_OR_RETURN(
                  const Rows version,
                  connection.Run("SELECT max(version) FROM chatter.schema_version"));
              absl::StrAppend(&found, ", schema version ", version.Integer(0, 0));
              CHATTER_RETURN_IF_ERROR(
                  CheckSchemaVersion(version.Integer(0, 0), PostgresMigrations()));
            }
            CHATTER_ASSIGN_OR_RETURN(const bool would_import, WouldImport(connection));
            if (would_import) {
              absl::StrAppend(
                  &found,
                  ", the old service's users and messages taken over at the start");
            }
            return absl::OkStatus();
          }));
  return found;
}

PostgresStorage::PostgresStorage(PostgresTarget target, absl::Duration patience)
    : pool_(std::move(target), kConnections, patience) {}

absl::StatusOr<std::unique_ptr<Storage>> PostgresStorage::Open(const std::string& url,
                                                               absl::Duration patience) {
  CHATTER_ASSIGN_OR_RETURN(PostgresTarget target, ParsePostgresUrl(url));
  target.statement_timeout = kMigrationTimeout;
  CHATTER_RETURN_IF_ERROR(Pool(target, 1, patience).Repeat(&Migrate));
  target.statement_timeout = patience;
  std::unique_ptr<PostgresStorage> storage(
      new PostgresStorage(std::move(target), patience));
  CHATTER_RETURN_IF_ERROR(storage->pool_.Repeat([&](Connection& connection) {
    absl::StatusOr<Rows> epoch = connection.Run("SELECT epoch FROM chatter.meta");
    if (epoch.ok()) storage->epoch_ = std::string(epoch->Text(0, 0));
    return epoch.status();
  }));
  return storage;
}

absl::Status PostgresStorage::Ping() {
  return pool_.Repeat([](Connection& connection) {
    return connection.Run("SELECT epoch FROM chatter.meta").status();
  });
}

absl::StatusOr<User> PostgresStorage::CreateUser(const Account& account) {
  User user{0, account.name, account.group};
  CHATTER_RETURN_IF_ERROR(pool_.Once([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows created,
        connection.Run("INSERT INTO chatter.users (name, user_group) VALUES ($1, $2) "
                       "ON CONFLICT DO NOTHING RETURNING id",
                       account.name, account.group));
    if (created.size() == 0) return absl::AlreadyExistsError("Username already exists");
    user.id = created.Integer(0, 0);
    return absl::OkStatus();
  }));
  return user;
}

absl::StatusOr<std::vector<User>> PostgresStorage::EnsureUsers(
    absl::Span<const Account> accounts) {
  // Each name once, with its last group, in an order that two processes share.
  std::map<std::string_view, std::string_view> groups;
  for (const Account& account : accounts) groups[account.name] = account.group;
  const Binary names = ToArray(groups, [](const auto& entry) { return entry.first; });
  const Binary new_groups =
      ToArray(groups, [](const auto& entry) { return entry.second; });

  std::vector<User> users;
  users.reserve(accounts.size());
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    // Mostly there is nothing to write.
    CHATTER_RETURN_IF_ERROR(
        connection
            .Run("INSERT INTO chatter.users AS u (name, user_group) "
                 "SELECT w.name, w.user_group FROM unnest($1::text[], $2::text[]) "
                 "AS w(name, user_group) WHERE NOT EXISTS (SELECT FROM chatter.users t "
                 "WHERE t.name = w.name AND t.user_group = w.user_group) "
                 "ON CONFLICT (name) DO UPDATE SET user_group = excluded.user_group",
                 names, new_groups)
            .status());
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("SELECT id, name FROM chatter.users WHERE name = ANY ($1::text[])",
                       names));
    absl::flat_hash_map<absl::string_view, int64_t> ids;
    for (int row = 0; row < rows.size(); ++row) {
      const std::string_view name = rows.Text(row, 1);
      ids[{name.data(), name.size()}] = rows.Integer(row, 0);
    }
    users.clear();
    for (const Account& account : accounts) {
      users.push_back({ids[account.name], account.name, account.group});
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<std::vector<std::optional<User>>> PostgresStorage::FindUsers(
    absl::Span<const std::string> names) {
  const Binary wanted =
      ToArray(names, [](const std::string& name) { return std::string_view(name); });
  std::vector<std::optional<User>> users(names.size());
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("SELECT w.position, u.id, u.name, u.user_group "
                       "FROM unnest($1::text[]) WITH ORDINALITY AS w(name, position) "
                       "JOIN chatter.users u ON u.name = w.name",
                       wanted));
    for (int row = 0; row < rows.size(); ++row) {
      users[static_cast<size_t>(rows.Integer(row, 0) - 1)] = ReadUser(rows, row, 1);
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<std::vector<User>> PostgresStorage::ListGroup(std::string_view group,
                                                             std::string_view after,
                                                             int limit) {
  const std::string group_text(group), after_text(after);
  std::vector<User> users;
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("SELECT id, name, user_group FROM chatter.users "
                       "WHERE user_group = $1 AND name > $2 ORDER BY name LIMIT $3",
                       group_text, after_text, limit));
    users.clear();
    for (int row = 0; row < rows.size(); ++row) users.push_back(ReadUser(rows, row, 0));
    return absl::OkStatus();
  }));
  return users;
}

absl::Status PostgresStorage::PutTokens(absl::Span<const Token> tokens) {
  const Binary hashes = ToArray(tokens, [](const Token& t) { return BytesOf(t.hash); });
  const Binary users = ToArray(tokens, [](const Token& t) { return t.user_id; });
  const Binary expiries =
      ToArray(tokens, [](const Token& t) { return absl::ToUnixMicros(t.expires); });
  return pool_.Repeat([&](Connection& connection) {
    // There already: a repetition has put it there.
    return connection
        .Run(
            "INSERT INTO chatter.tokens (hash, user_id, expires_us) "
            "SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[]) "
            "ON CONFLICT DO NOTHING",
            hashes, users, expiries)
        .status();
  });
}

absl::StatusOr<std::vector<std::optional<User>>> PostgresStorage::RedeemTokens(
    absl::Span<const TokenHash> hashes, absl::Time now) {
  const Binary wanted = ToArray(hashes, &BytesOf);
  std::vector<std::optional<User>> users(hashes.size());
  CHATTER_RETURN_IF_ERROR(pool_.Once([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("WITH taken AS (DELETE FROM chatter.tokens "
                       "WHERE hash = ANY ($1::bytea[]) "
                       "RETURNING hash, user_id, expires_us) "
                       "SELECT t.hash, u.id, u.name, u.user_group FROM taken t "
                       "JOIN chatter.users u ON u.id = t.user_id WHERE t.expires_us > $2",
                       wanted, absl::ToUnixMicros(now)));
    absl::flat_hash_map<absl::string_view, User> taken;
    for (int row = 0; row < rows.size(); ++row) {
      const std::string_view hash = rows.Text(row, 0);
      taken[{hash.data(), hash.size()}] = ReadUser(rows, row, 1);
    }
    for (size_t i = 0; i < hashes.size(); ++i) {
      // The first one that asks has it.
      if (auto user = taken.extract(HexOf(hashes[i])); !user.empty()) {
        users[i] = std::move(user.mapped());
      }
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<int> PostgresStorage::DeleteExpiredTokens(absl::Time now, int limit) {
  int deleted = 0;
  CHATTER_RETURN_IF_ERROR(pool_.Repeat([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        const Rows rows,
        connection.Run("DELETE FROM chatter.tokens WHERE hash IN "
                       "(SELECT hash FROM chatter.tokens WHERE expires_us <= $1 "
                       "LIMIT $2 FOR UPDATE SKIP LOCKED)",
                       absl::ToUnixMicros(now), limit));
    deleted = rows.changed();
    return absl::OkStatus();
  }));
  return deleted;
}

}  // namespace chatter::storage::postgres
