// A thin, safe layer over libpqxx: the only place that knows it.
#ifndef CHATTER_STORAGE_POSTGRES_CONNECTION_H_
#define CHATTER_STORAGE_POSTGRES_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/postgres/watchdog.h"

namespace chatter::storage::postgres {

// Where to connect, and how errors are kept from telling the password.
struct PostgresTarget {
  std::string conninfo;  // libpq's keyword=value form
  std::string password;  // empty: none
  // A statement that takes longer is given up.
  absl::Duration statement_timeout;
};

// kInvalidArgument when libpq cannot read the URL. What the URL does not say about
// timeouts gets values that notice a peer that is gone within about 10 s. The statement
// timeout is the caller's to set.
absl::StatusOr<PostgresTarget> ParsePostgresUrl(const std::string& url);

// A statement's parameter in the binary form of its type.
struct Binary {
  std::string bytes;
};

// What a statement returned. Rows and columns count from 0.
class Rows {
 public:
  Rows() = default;
  explicit Rows(pqxx::result result) : result_(std::move(result)) {}

  int size() const { return static_cast<int>(result_.size()); }
  // How many rows the statement changed.
  int changed() const { return static_cast<int>(result_.affected_rows()); }
  bool IsNull(int row, int column) const { return At(row, column).is_null(); }
  int64_t Integer(int row, int column) const;
  // Valid as long as the rows are.
  std::string_view Text(int row, int column) const;

 private:
  pqxx::field At(int row, int column) const {
    return result_[static_cast<pqxx::result::size_type>(row)]
                  [static_cast<pqxx::row::size_type>(column)];
  }

  pqxx::result result_;
};

// Names a server process, also after its number has been given to another one.
struct Backend {
  int64_t pid = 0;
  int64_t started_us = 0;
};

// Of one thread at a time. Once broken it stays so. It also breaks when the server, be it
// stopped, has not answered a little after the statement timeout.
class Connection {
 public:
  // kUnavailable when the server cannot be reached, kFailedPrecondition when it does not
  // let us in.
  static absl::StatusOr<std::unique_ptr<Connection>> Open(const PostgresTarget& target,
                                                          Watchdog& watchdog);
  ~Connection();

  // Runs one statement, and commits it when it is alone, not within BEGIN and COMMIT.
  // Prepared on first use, and kept. `sql` must be a literal; its parameters for which
  // strings are given must be text. Errors: CodeOf in the .cc. When `broken()`
  // afterwards it is not known whether the statement took effect.
  template <typename... Values>
  absl::StatusOr<Rows> Run(const char* sql, const Values&... values) {
    return Guard([&] {
      pqxx::nontransaction transaction(*connection_);
      return transaction.exec_prepared(NameOf(sql), ToParameter(values)...);
    });
  }

  // Runs several statements without parameters as one transaction.
  absl::Status Execute(const std::string& sql);

  // Between BEGIN and COMMIT; rolled back when `work`, or the commit, fails. Each
  // statement sees what others have committed before it.
  absl::Status InTransaction(absl::FunctionRef<absl::Status()> work);

  bool broken() const { return broken_; }
  // Whether the server has ended the session while nothing was asked of it.
  bool HasEnded() const;
  const Backend& backend() const { return backend_; }
  // Higher than that of every connection that was ready before it in this process.
  int64_t number() const { return number_; }

 private:
  Connection(const std::string& password, Watchdog& watchdog)
      : password_(password), watchdog_(watchdog) {}

  static pqxx::binarystring ToParameter(const Binary& value) {
    return pqxx::binarystring(value.bytes);
  }
  // A text's binary form is its bytes.
  static pqxx::binarystring ToParameter(std::string_view value) {
    return pqxx::binarystring(value.data(), value.size());
  }
  static int64_t ToParameter(int64_t value) { return value; }

  absl::StatusOr<Rows> Guard(const std::function<pqxx::result()>& call);
  const std::string& NameOf(const char* sql);
  absl::Status Connect(const PostgresTarget& target);

  int64_t number_ = 0;
  const std::string& password_;  // the target's
  Watchdog& watchdog_;
  std::unique_ptr<pqxx::connection> connection_;
  // Of the connection's socket, but our own: libpq may close its descriptor in a call.
  int socket_ = -1;
  absl::Duration call_timeout_;
  bool broken_ = false;
  Backend backend_;
  std::unordered_map<const char*, std::string> names_;  // of statements, by address
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_CONNECTION_H_
