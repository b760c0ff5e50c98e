#include "storage/sqlite/sqlite_storage.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/migrations/migrations.h"
#include "storage/sqlite/sqlite_engine.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

constexpr int kReaders = 4;

absl::StatusOr<int64_t> SchemaVersion(Connection& connection) {
  CHATTER_ASSIGN_OR_RETURN(Statement* const version,
                           connection.Prepare("PRAGMA user_version"));
  CHATTER_RETURN_IF_ERROR(version->Step().status());
  const int64_t value = version->Integer(0);
  version->Reset();
  return value;
}

// Under the write lock, which a second process waits for.
absl::Status Migrate(Connection& connection) {
  const absl::Span<const Migration> migrations = SqliteMigrations();
  CHATTER_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(connection));
  CHATTER_ASSIGN_OR_RETURN(const int64_t version, SchemaVersion(connection));
  CHATTER_RETURN_IF_ERROR(CheckSchemaVersion(version, migrations));
  for (const Migration& migration : migrations) {
    if (migration.version <= version) continue;
    CHATTER_RETURN_IF_ERROR(connection.Execute(std::string(migration.sql)));
    CHATTER_RETURN_IF_ERROR(
        connection.Execute(absl::StrCat("PRAGMA user_version = ", migration.version)));
  }
  return transaction.Commit();
}

absl::StatusOr<std::optional<User>> FindUser(Connection& connection,
                                             std::string_view name) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const find,
      connection.Prepare("SELECT id, user_group FROM users WHERE name = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found, find->Bind(name).Step());
  if (!found) return std::nullopt;
  User user{find->Integer(0), std::string(name), std::string(find->Text(1))};
  find->Reset();
  return user;
}

absl::StatusOr<std::optional<User>> FindUserById(Connection& connection, int64_t id) {
  CHATTER_ASSIGN_OR_RETURN(
      Statement* const find,
      connection.Prepare("SELECT name, user_group FROM users WHERE id = ?"));
  CHATTER_ASSIGN_OR_RETURN(const bool found, find->Bind(id).Step());
  if (!found) return std::nullopt;
  User user{id, std::string(find->Text(0)), std::string(find->Text(1))};
  find->Reset();
  return user;
}

std::string_view View(const TokenHash& hash) {
  return {reinterpret_cast<const char*>(hash.data()), hash.size()};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Storage>> Open(const std::string& path) {
  return SqliteStorage::Open(path);
}

absl::StatusOr<std::string> Check(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == path.npos ? "." : path.substr(0, slash + 1);
  if (access(folder.c_str(), W_OK | X_OK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot make files in ", folder, ": ", std::strerror(errno)));
  }
  if (access(path.c_str(), F_OK) != 0) {
    return absl::StrCat(path, ", made at the first start");
  }
  if (access(path.c_str(), R_OK | W_OK) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot read and write ", path, ": ", std::strerror(errno)));
  }
  CHATTER_ASSIGN_OR_RETURN(const std::unique_ptr<Connection> connection,
                           Connection::OpenToRead(path));
  CHATTER_ASSIGN_OR_RETURN(const int64_t version, SchemaVersion(*connection));
  CHATTER_RETURN_IF_ERROR(CheckSchemaVersion(version, SqliteMigrations()));
  return absl::StrCat(path, ", schema version ", version);
}

absl::StatusOr<std::unique_ptr<Storage>> SqliteStorage::Open(const std::string& path) {
  std::unique_ptr<SqliteStorage> storage(new SqliteStorage);
  absl::MutexLock writer_lock(&storage->writer_mutex_);
  CHATTER_ASSIGN_OR_RETURN(storage->writer_, Connection::Open(path));
  Connection& writer = *storage->writer_;
  CHATTER_RETURN_IF_ERROR(Migrate(writer));
  CHATTER_ASSIGN_OR_RETURN(Statement* const epoch,
                           writer.Prepare("SELECT epoch FROM meta"));
  CHATTER_RETURN_IF_ERROR(epoch->Step().status());
  storage->epoch_ = std::string(epoch->Text(0));
  epoch->Reset();
  CHATTER_ASSIGN_OR_RETURN(storage->checkpointer_, Checkpointer::Start(path, writer));
  absl::MutexLock readers_lock(&storage->readers_mutex_);
  for (int i = 0; i < kReaders; ++i) {
    CHATTER_ASSIGN_OR_RETURN(std::unique_ptr<Connection> reader, Connection::Open(path));
    storage->idle_readers_.push_back(std::move(reader));
  }
  return storage;
}

absl::Status SqliteStorage::Write(absl::FunctionRef<absl::Status(Connection&)> work) {
  return WriteNumbered(
      [work](Connection& connection, Numbering&) { return work(connection); });
}

absl::Status SqliteStorage::WriteNumbered(
    absl::FunctionRef<absl::Status(Connection&, Numbering&)> work) {
  absl::MutexLock lock(&writer_mutex_);
  CHATTER_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(*writer_));
  if (writer_->data_version() != data_version_) numbering_.Forget();
  absl::Status status = work(*writer_, numbering_);
  if (status.ok()) status = transaction.Commit();
  if (status.ok()) {
    data_version_ = writer_->data_version();
  } else {
    numbering_.Forget();
  }
  return status;
}

absl::Status SqliteStorage::Read(absl::FunctionRef<absl::Status(Connection&)> work) {
  std::unique_ptr<Connection> reader;
  {
    absl::MutexLock lock(&readers_mutex_);
    readers_mutex_.Await(absl::Condition(
        +[](std::vector<std::unique_ptr<Connection>>* idle) { return !idle->empty(); },
        &idle_readers_));
    reader = std::move(idle_readers_.back());
    idle_readers_.pop_back();
  }
  absl::Status status = work(*reader);
  absl::MutexLock lock(&readers_mutex_);
  idle_readers_.push_back(std::move(reader));
  return status;
}

absl::Status SqliteStorage::Ping() {
  return Read([](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(Statement* const ping,
                             connection.Prepare("SELECT epoch FROM meta"));
    return ping->Run();
  });
}

absl::StatusOr<User> SqliteStorage::CreateUser(const Account& account) {
  User user{0, account.name, account.group};
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const insert,
        connection.Prepare("INSERT INTO users (name, user_group) VALUES (?, ?) "
                           "ON CONFLICT DO NOTHING RETURNING id"));
    CHATTER_ASSIGN_OR_RETURN(const bool created,
                             insert->Bind(account.name, account.group).Step());
    if (!created) return absl::AlreadyExistsError("Username already exists");
    user.id = insert->Integer(0);
    insert->Reset();
    return absl::OkStatus();
  }));
  return user;
}

absl::StatusOr<std::vector<User>> SqliteStorage::EnsureUsers(
    absl::Span<const Account> accounts) {
  std::vector<User> users;
  users.reserve(accounts.size());
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const ensure,
        connection.Prepare("INSERT INTO users (name, user_group) VALUES (?, ?) "
                           "ON CONFLICT (name) DO UPDATE SET "
                           "user_group = excluded.user_group RETURNING id"));
    for (const Account& account : accounts) {
      CHATTER_RETURN_IF_ERROR(ensure->Bind(account.name, account.group).Step().status());
      users.push_back({ensure->Integer(0), account.name, account.group});
      ensure->Reset();
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<std::vector<std::optional<User>>> SqliteStorage::FindUsers(
    absl::Span<const std::string> names) {
  std::vector<std::optional<User>> users;
  users.reserve(names.size());
  CHATTER_RETURN_IF_ERROR(Read([&](Connection& connection) -> absl::Status {
    for (const std::string& name : names) {
      CHATTER_ASSIGN_OR_RETURN(std::optional<User> user, FindUser(connection, name));
      users.push_back(std::move(user));
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<std::vector<User>> SqliteStorage::ListGroup(std::string_view group,
                                                           std::string_view after,
                                                           int limit) {
  std::vector<User> users;
  CHATTER_RETURN_IF_ERROR(Read([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const list,
        connection.Prepare("SELECT id, name FROM users WHERE user_group = ? AND name > ? "
                           "ORDER BY name LIMIT ?"));
    list->Bind(group, after, int64_t{limit});
    while (true) {
      CHATTER_ASSIGN_OR_RETURN(const bool row, list->Step());
      if (!row) return absl::OkStatus();
      users.push_back({list->Integer(0), std::string(list->Text(1)), std::string(group)});
    }
  }));
  return users;
}

absl::Status SqliteStorage::PutTokens(absl::Span<const Token> tokens) {
  return Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const insert,
        connection.Prepare("INSERT INTO tokens (hash, user_id, expires_us) "
                           "VALUES (CAST(? AS BLOB), ?, ?)"));
    for (const Token& token : tokens) {
      CHATTER_RETURN_IF_ERROR(
          insert->Bind(View(token.hash), token.user_id, absl::ToUnixMicros(token.expires))
              .Run());
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<std::vector<std::optional<User>>> SqliteStorage::RedeemTokens(
    absl::Span<const TokenHash> hashes, absl::Time now) {
  std::vector<std::optional<User>> users;
  users.reserve(hashes.size());
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const take,
        connection.Prepare("DELETE FROM tokens WHERE hash = CAST(? AS BLOB) "
                           "RETURNING user_id, expires_us"));
    for (const TokenHash& hash : hashes) {
      std::optional<User> user;
      CHATTER_ASSIGN_OR_RETURN(const bool found, take->Bind(View(hash)).Step());
      if (found) {
        const int64_t user_id = take->Integer(0);
        const bool expired = take->Integer(1) <= absl::ToUnixMicros(now);
        take->Reset();
        if (!expired) {
          CHATTER_ASSIGN_OR_RETURN(user, FindUserById(connection, user_id));
        }
      }
      users.push_back(std::move(user));
    }
    return absl::OkStatus();
  }));
  return users;
}

absl::StatusOr<int> SqliteStorage::DeleteExpiredTokens(absl::Time now, int limit) {
  int deleted = 0;
  CHATTER_RETURN_IF_ERROR(Write([&](Connection& connection) -> absl::Status {
    CHATTER_ASSIGN_OR_RETURN(
        Statement* const remove,
        connection.Prepare("DELETE FROM tokens WHERE hash IN (SELECT hash FROM tokens "
                           "WHERE expires_us <= ? LIMIT ?)"));
    CHATTER_RETURN_IF_ERROR(remove->Bind(absl::ToUnixMicros(now), int64_t{limit}).Run());
    deleted = connection.changes();
    return absl::OkStatus();
  }));
  return deleted;
}

}  // namespace chatter::storage::sqlite
