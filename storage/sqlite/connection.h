// A thin, safe layer over SQLite's C interface.
#ifndef CHATTER_STORAGE_SQLITE_CONNECTION_H_
#define CHATTER_STORAGE_SQLITE_CONNECTION_H_

#include <sqlite3.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chatter::storage::sqlite {

// A statement that is being run: bind all parameters, step, read the columns, reset.
// What is bound must live until the reset. Belongs to its connection.
class Statement {
 public:
  Statement(sqlite3* db, sqlite3_stmt* statement) : db_(db), statement_(statement) {}
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Binds the parameters in order, the first one first.
  template <typename... Values>
  Statement& Bind(const Values&... values) {
    int index = 0;
    (BindOne(++index, values), ...);
    return *this;
  }

  // True: there is a row. False: there are no more, and the statement is reset.
  absl::StatusOr<bool> Step();
  // For statements without rows, or whose rows do not matter.
  absl::Status Run();
  void Reset();

  int64_t Integer(int column) const { return sqlite3_column_int64(statement_, column); }
  // Valid until the next step.
  std::string_view Text(int column) const;

 private:
  void BindOne(int index, int64_t value) { sqlite3_bind_int64(statement_, index, value); }
  void BindOne(int index, std::string_view value) {
    // An empty view may have no data, which would bind NULL.
    sqlite3_bind_text(statement_, index, value.empty() ? "" : value.data(),
                      static_cast<int>(value.size()), SQLITE_STATIC);
  }

  sqlite3* const db_;
  sqlite3_stmt* const statement_;
};

// Of one thread at a time.
class Connection {
 public:
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const std::string& path);
  // For a look at a database that is there: leaves all of it, and of its log, as it is.
  static absl::StatusOr<std::unique_ptr<Connection>> OpenToRead(const std::string& path);
  ~Connection();

  // Runs several statements without parameters or results.
  absl::Status Execute(const std::string& sql);

  // Prepared on first use, and kept. Reset when it is returned. `sql` must be a literal.
  absl::StatusOr<Statement*> Prepare(const char* sql);

  // SQLite's error of the last call as a status: away or busy is kUnavailable, a defect
  // kInternal. Never holds what was bound.
  absl::Status LastError() const;

  // Of the last statement that changed rows.
  int changes() const { return sqlite3_changes(db_); }
  int64_t last_insert_rowid() const { return sqlite3_last_insert_rowid(db_); }
  // Is another one after each change of the database, whoever made it; as of the last
  // transaction.
  uint32_t data_version() const;

  // After each commit of this connection, on its thread, with how many pages the log then
  // holds. In place of SQLite's own hook, which writes the log back from 1000 pages on;
  // null: nobody does.
  void SetCommitHook(std::function<void(int log_pages)> hook);
  // Writes back as much of the log as those who read allow, and waits for nobody. Returns
  // how many of its pages are in the database then; 0 when somebody else is at it. They
  // are durable when that is the whole log.
  absl::StatusOr<int> WriteBack();
  // Makes what was written back durable.
  absl::Status SyncDatabase();

 private:
  explicit Connection(sqlite3* db) : db_(db) {}

  sqlite3* const db_;
  std::function<void(int)> commit_hook_;
  // By the literal's address.
  std::map<const char*, std::unique_ptr<Statement>> statements_;
};

// Rolls back at its end unless it was committed.
class Transaction {
 public:
  // IMMEDIATE: takes the write lock at once, so that it cannot fail half way.
  static absl::StatusOr<Transaction> Begin(Connection& connection);
  Transaction(Transaction&& other) noexcept;
  ~Transaction();

  absl::Status Commit();

 private:
  explicit Transaction(Connection* connection) : connection_(connection) {}

  Connection* connection_;
};

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_CONNECTION_H_
