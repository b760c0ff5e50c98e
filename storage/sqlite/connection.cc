#include "storage/sqlite/connection.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "storage/sqlite/wal_vfs.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

// How long to wait for another process's write transaction.
constexpr int kBusyTimeoutMs = 10'000;

absl::Status ErrorOf(sqlite3* db) {
  const int code = sqlite3_errcode(db);
  const std::string what = absl::StrCat("SQLite: ", sqlite3_errmsg(db));
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_NOMEM:
      return absl::UnavailableError(what);
    case SQLITE_CONSTRAINT:
      return absl::AlreadyExistsError(what);
    default:
      return absl::InternalError(what);
  }
}

}  // namespace

absl::StatusOr<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(statement_);
    return false;
  }
  absl::Status error = ErrorOf(db_);
  sqlite3_reset(statement_);
  return error;
}

absl::Status Statement::Run() {
  const absl::StatusOr<bool> row = Step();
  Reset();
  return row.status();
}

void Statement::Reset() { sqlite3_reset(statement_); }

std::string_view Statement::Text(int column) const {
  const auto* const text =
      reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  return {text, static_cast<size_t>(sqlite3_column_bytes(statement_, column))};
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const std::string& path) {
  // Statistics of its memory would cost each allocation a lock of the whole process. Too
  // late, and no matter, once SQLite is in use.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
      WalVfs());
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) return connection->LastError();
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  const absl::Status status = connection->Execute(
      // A batch changes a page for each of its conversations: pages are small (a database
      // keeps the size that it was made with).
      "PRAGMA page_size = 2048; PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL; "
      "PRAGMA temp_store = MEMORY;");
  if (!status.ok()) return status;
  return connection;
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::OpenToRead(
    const std::string& path) {
  // A log is there while somebody writes, and after a crash. Where there is none, SQLite
  // would make one even for a reader, if it did not take the file for unchangeable.
  const bool has_log = access((path + "-wal").c_str(), F_OK) == 0;
  const std::string url = absl::StrCat(
      // The second slash of a path is no beginning of a host.
      "file:", path[0] == '/' ? "//" : "",
      absl::StrReplaceAll(path, {{"%", "%25"}, {"?", "%3f"}, {"#", "%23"}}),
      has_log ? "?mode=ro" : "?immutable=1");
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(
      url.c_str(), &db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX,
      nullptr);
  std::unique_ptr<Connection> connection(new Connection(db));
  if (code != SQLITE_OK) return connection->LastError();
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close(db_);
}

absl::Status Connection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) {
    return absl::OkStatus();
  }
  return LastError();
}

absl::StatusOr<Statement*> Connection::Prepare(const char* sql) {
  std::unique_ptr<Statement>& kept = statements_[sql];
  if (kept == nullptr) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr) != SQLITE_OK) {
      return LastError();
    }
    kept = std::make_unique<Statement>(db_, statement);
  }
  kept->Reset();
  return kept.get();
}

absl::Status Connection::LastError() const { return ErrorOf(db_); }

uint32_t Connection::data_version() const {
  uint32_t version = 0;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_DATA_VERSION, &version);
  return version;
}

void Connection::SetCommitHook(std::function<void(int)> hook) {
  commit_hook_ = std::move(hook);
  const auto call = [](void* self, sqlite3*, const char*, int log_pages) {
    static_cast<Connection*>(self)->commit_hook_(log_pages);
    return SQLITE_OK;  // anything else would be the outcome of the commit, which is done
  };
  if (commit_hook_ == nullptr) {
    sqlite3_wal_hook(db_, nullptr, nullptr);
  } else {
    sqlite3_wal_hook(db_, call, this);
  }
}

absl::StatusOr<int> Connection::WriteBack() {
  int written_back = 0;
  const int code = sqlite3_wal_checkpoint_v2(db_, "main", SQLITE_CHECKPOINT_PASSIVE,
                                             nullptr, &written_back);
  if ((code & 0xFF) == SQLITE_BUSY) return 0;
  if (code != SQLITE_OK) return LastError();
  return written_back;
}

absl::Status Connection::SyncDatabase() {
  sqlite3_file* file = nullptr;
  sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  const int code = file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
  if (code != SQLITE_OK) {
    return absl::UnavailableError(absl::StrCat("SQLite: ", sqlite3_errstr(code)));
  }
  return absl::OkStatus();
}

absl::StatusOr<Transaction> Transaction::Begin(Connection& connection) {
  CHATTER_ASSIGN_OR_RETURN(Statement* const begin, connection.Prepare("BEGIN IMMEDIATE"));
  CHATTER_RETURN_IF_ERROR(begin->Run());
  return Transaction(&connection);
}

Transaction::Transaction(Transaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

Transaction::~Transaction() {
  // SQLite has rolled back by itself after some errors: then this one does not matter.
  if (connection_ != nullptr) connection_->Execute("ROLLBACK").IgnoreError();
}

absl::Status Transaction::Commit() {
  CHATTER_ASSIGN_OR_RETURN(Statement* const commit, connection_->Prepare("COMMIT"));
  CHATTER_RETURN_IF_ERROR(commit->Run());
  connection_ = nullptr;
  return absl::OkStatus();
}

}  // namespace chatter::storage::sqlite
