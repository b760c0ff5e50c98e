#include "storage/postgres/connection.h"

#include <fcntl.h>
#include <poll.h>
#include <postgresql/libpq-fe.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <functional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "storage/status_macros.h"

namespace chatter::storage::postgres {
namespace {

// What a URL may override.
constexpr std::pair<const char*, const char*> kDefaults[] = {
    {"application_name", "chatter"}, {"connect_timeout", "5"},
    {"keepalives_idle", "5"},        {"keepalives_interval", "2"},
    {"keepalives_count", "2"},       {"tcp_user_timeout", "10000"},
};
constexpr char kSessionSettings[] =
    "SET client_encoding = 'UTF8'; SET standard_conforming_strings = on; "
    "SET bytea_output = 'hex'; SET statement_timeout = ";

// For the statements that make a connection ready.
constexpr absl::Duration kSetUpTimeout = absl::Seconds(5);
// For the server's word that it has given a statement up.
constexpr absl::Duration kGrace = absl::Seconds(2);

std::atomic<int64_t> last_number{0};

void AppendOption(std::string_view key, std::string_view value, std::string& conninfo) {
  absl::StrAppend(&conninfo, conninfo.empty() ? "" : " ", std::string(key), "='",
                  absl::StrReplaceAll(std::string(value), {{"\\", "\\\\"}, {"'", "\\'"}}),
                  "'");
}

std::string WithoutPassword(std::string_view text, const std::string& password) {
  std::string out(text);
  while (!out.empty() && (out.back() == '\n' || out.back() == ' ')) out.pop_back();
  if (!password.empty()) out = absl::StrReplaceAll(out, {{password, "***"}});
  return absl::StrReplaceAll(out, {{"\n", " "}, {"\t", " "}});
}

// The border's one table: https://www.postgresql.org/docs/15/errcodes-appendix.html.
absl::StatusCode CodeOf(absl::string_view sqlstate) {
  struct Row {
    absl::string_view prefix;
    absl::StatusCode code;
  };
  static constexpr Row kTable[] = {
      {"23505", absl::StatusCode::kAlreadyExists},       // unique_violation
      {"08", absl::StatusCode::kUnavailable},            // connection exceptions
      {"25006", absl::StatusCode::kUnavailable},         // a standby: read only
      {"28", absl::StatusCode::kFailedPrecondition},     // who we are is refused
      {"3D000", absl::StatusCode::kFailedPrecondition},  // no such database
      {"42501", absl::StatusCode::kFailedPrecondition},  // insufficient_privilege
      {"53", absl::StatusCode::kUnavailable},            // disk full, too many, ...
      {"55P03", absl::StatusCode::kUnavailable},         // lock_not_available
      {"57", absl::StatusCode::kUnavailable},            // timeouts, shutdown
      {"58", absl::StatusCode::kUnavailable},            // its system fails
  };
  for (const Row& row : kTable) {
    if (absl::StartsWith(sqlstate, row.prefix)) return row.code;
  }
  return absl::StatusCode::kInternal;
}

std::string SqlStateOf(const pqxx::sql_error& error) {
  // This version of libpqxx leaves it out here.
  const bool left_out = dynamic_cast<const pqxx::insufficient_privilege*>(&error);
  return left_out ? "42501" : error.sqlstate();
}

}  // namespace

absl::StatusOr<PostgresTarget> ParsePostgresUrl(const std::string& url) {
  // Its own message may quote the password.
  const std::unique_ptr<PQconninfoOption, void (*)(PQconninfoOption*)> options(
      PQconninfoParse(url.c_str(), nullptr), &PQconninfoFree);
  if (options == nullptr) {
    return absl::InvalidArgumentError(
        "not a PostgreSQL URL: want postgres://user:password@host/database");
  }
  PostgresTarget target;
  for (const auto& [key, value] : kDefaults) {
    AppendOption(key, value, target.conninfo);
  }
  for (const PQconninfoOption* option = options.get(); option->keyword != nullptr;
       ++option) {
    if (option->val == nullptr) continue;
    AppendOption(option->keyword, option->val, target.conninfo);  // the later one wins
    if (std::string_view(option->keyword) == "password") target.password = option->val;
  }
  return target;
}

int64_t Rows::Integer(int row, int column) const {
  return std::strtoll(At(row, column).c_str(), nullptr, 10);
}

std::string_view Rows::Text(int row, int column) const {
  const pqxx::field field = At(row, column);
  return {field.c_str(), field.size()};
}

absl::StatusOr<std::unique_ptr<Connection>> Connection::Open(const PostgresTarget& target,
                                                             Watchdog& watchdog) {
  std::unique_ptr<Connection> connection(new Connection(target.password, watchdog));
  CHATTER_RETURN_IF_ERROR(connection->Connect(target));
  return connection;
}

Connection::~Connection() {
  if (socket_ >= 0) close(socket_);
}

absl::Status Connection::Connect(const PostgresTarget& target) {
  try {
    connection_ = std::make_unique<pqxx::connection>(target.conninfo);
    // A connection that came back by itself would hide that it was lost, and lack its
    // settings. There is no other way to say so in this version.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
    connection_->inhibit_reactivation(true);
#pragma GCC diagnostic pop
    // Without details, which quote values.
    connection_->set_verbosity(pqxx::connection_base::terse);
  } catch (const std::exception& error) {
    const std::string what = WithoutPassword(error.what(), password_);
    // libpq has no SQLSTATE here, only words.
    for (const char* const refused :
         {"authentication failed", "does not exist", "no pg_hba.conf entry",
          "no password supplied", "is not permitted to log in"}) {
      if (absl::StrContains(what, refused)) {
        return absl::FailedPreconditionError(absl::StrCat("PostgreSQL: ", what));
      }
    }
    return absl::UnavailableError(absl::StrCat("PostgreSQL: ", what));
  }
  socket_ = fcntl(connection_->sock(), F_DUPFD_CLOEXEC, 0);
  if (socket_ < 0) return absl::UnavailableError("PostgreSQL: no descriptor is left");
  call_timeout_ = kSetUpTimeout;
  CHATTER_RETURN_IF_ERROR(Execute(absl::StrCat(
      kSessionSettings, absl::ToInt64Milliseconds(target.statement_timeout))));
  CHATTER_ASSIGN_OR_RETURN(
      const Rows self,
      Run("SELECT pid, (extract(epoch FROM backend_start) * 1000000)::bigint "
          "FROM pg_stat_activity WHERE pid = pg_backend_pid()"));
  if (self.size() != 1) return absl::InternalError("PostgreSQL hides our own session");
  backend_ = {self.Integer(0, 0), self.Integer(0, 1)};
  call_timeout_ = target.statement_timeout + kGrace;
  number_ = ++last_number;
  return absl::OkStatus();
}

bool Connection::HasEnded() const {
  // A server has nothing to say to an idle session but that it is over (or that a setting
  // has changed: then a new session is as good).
  pollfd socket = {connection_->sock(), POLLIN, 0};
  return poll(&socket, 1, 0) != 0;
}

absl::Status Connection::Execute(const std::string& sql) {
  return Guard([&] {
           pqxx::nontransaction transaction(*connection_);
           return transaction.exec(sql);
         })
      .status();
}

absl::Status Connection::InTransaction(absl::FunctionRef<absl::Status()> work) {
  CHATTER_RETURN_IF_ERROR(Execute("BEGIN ISOLATION LEVEL READ COMMITTED"));
  absl::Status status = work();
  if (status.ok()) status = Execute("COMMIT");
  if (!status.ok() && !broken_ && !Execute("ROLLBACK").ok()) broken_ = true;
  return status;
}

const std::string& Connection::NameOf(const char* sql) {
  const auto [entry, is_new] = names_.try_emplace(sql);
  if (is_new) {
    entry->second = absl::StrCat("s", names_.size());
    connection_->prepare(entry->second, sql);
  }
  return entry->second;
}

absl::StatusOr<Rows> Connection::Guard(const std::function<pqxx::result()>& call) {
  const Watchdog::Call watched(watchdog_, socket_, absl::Now() + call_timeout_);
  absl::StatusCode code = absl::StatusCode::kInternal;
  std::string message;
  try {
    return Rows(call());
  } catch (const pqxx::sql_error& error) {
    const std::string sqlstate = SqlStateOf(error);
    // Without it these are not the server's words but libpq's, which may have a session
    // that has ended for an open one.
    if (sqlstate.empty()) broken_ = true;
    code = CodeOf(sqlstate);
    message = absl::StrCat(absl::StripTrailingAsciiWhitespace(error.what()), " (",
                           sqlstate, ")");
  } catch (const pqxx::transaction_rollback& error) {
    // No sql_error, and without its SQLSTATE, in this version.
    code = absl::StatusCode::kAborted;
    message = error.what();
  } catch (const pqxx::broken_connection& error) {
    broken_ = true;
    message = error.what();
  } catch (const std::exception& error) {
    message = error.what();
  }
  // The server says that it shuts down, and closes the connection.
  if (!connection_->is_open()) broken_ = true;
  if (broken_) code = absl::StatusCode::kUnavailable;
  if (broken_ && watched.has_expired()) {
    message = absl::StrCat("no answer within ", absl::FormatDuration(call_timeout_));
  }
  return absl::Status(code,
                      absl::StrCat("PostgreSQL: ", WithoutPassword(message, password_)));
}

}  // namespace chatter::storage::postgres
