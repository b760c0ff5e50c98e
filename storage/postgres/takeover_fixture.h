#ifndef CHATTER_STORAGE_POSTGRES_TAKEOVER_FIXTURE_H_
#define CHATTER_STORAGE_POSTGRES_TAKEOVER_FIXTURE_H_

#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/storage.h"
#include "storage/testing/postgres_server.h"

namespace chatter::storage::postgres {

inline constexpr absl::Duration kDeadline = absl::Minutes(1);

// Alice and bob, who have talked.
inline constexpr char kConversation[] =
    "INSERT INTO users (username, user_group) VALUES ('alice', 'red'), ('bob', 'red');"
    "INSERT INTO messages (username_from, username_to, message, created_at) VALUES "
    "('alice', 'bob', 'hello', '2021-05-01 10:00:00+00'), "
    "('bob', 'alice', 'hi', '2021-05-01 10:00:01+00');";

// The lines that are logged while it lives.
class LogLines : public google::LogSink {
 public:
  LogLines() { google::AddLogSink(this); }
  ~LogLines() override { google::RemoveLogSink(this); }

  void send(google::LogSeverity, const char*, const char*, int, const struct ::tm*,
            const char* message, size_t size) override {
    absl::MutexLock lock(&mutex_);
    lines_.emplace_back(message, size);
  }

  // Those with this text in them.
  std::vector<std::string> With(const char* text) const {
    absl::MutexLock lock(&mutex_);
    std::vector<std::string> lines;
    for (const std::string& line : lines_) {
      if (absl::StrContains(line, text)) lines.push_back(line);
    }
    return lines;
  }

 private:
  mutable absl::Mutex mutex_;
  std::vector<std::string> lines_ ABSL_GUARDED_BY(mutex_);
};

class TakeoverTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server_ = new testing::PostgresServer; }
  static void TearDownTestSuite() { delete server_; }

  // A transaction of its own.
  static pqxx::result Run(const std::string& url, const std::string& sql) {
    pqxx::connection connection(url);
    pqxx::work transaction(connection);
    const pqxx::result result = transaction.exec(sql);
    transaction.commit();
    return result;
  }
  static int64_t Number(const std::string& url, const std::string& sql) {
    return Run(url, sql)[0][0].as<int64_t>();
  }

  void Run(const std::string& sql) { Run(url_, sql); }
  int64_t Number(const std::string& sql) { return Number(url_, sql); }

  static std::unique_ptr<Storage> OpenOrDie(const std::string& url) {
    auto storage = chatter::storage::Open(url);
    CHECK(storage.ok()) << storage.status();
    return *std::move(storage);
  }
  std::unique_ptr<Storage> OpenOrDie() { return OpenOrDie(url_); }

  // Until so many sessions of the database wait for a lock.
  void AwaitWaiting(int64_t sessions) {
    const absl::Time deadline = absl::Now() + kDeadline;
    while (Number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
                  "AND datname = current_database()") < sessions) {
      CHECK(absl::Now() < deadline) << "nobody waits";
      absl::SleepFor(absl::Milliseconds(5));
    }
  }

  static std::vector<Message> History(Storage& storage, std::string_view user,
                                      std::string_view with) {
    HistoryQuery query;
    query.user = user;
    query.with = with;
    query.limit = 1'000'000;
    auto history = storage.ReadHistory(query);
    CHECK(history.ok()) << history.status();
    return *std::move(history);
  }
  static std::vector<std::string> Texts(Storage& storage) {
    std::vector<std::string> texts;
    for (Message& message : History(storage, "alice", "bob")) {
      texts.push_back(std::move(message.text));
    }
    return texts;
  }

  static std::optional<User> Find(Storage& storage, const std::string& name) {
    const auto found = storage.FindUsers(std::vector<std::string>{name});
    CHECK(found.ok()) << found.status();
    return (*found)[0];
  }

  static Appended Send(Storage& storage, std::string_view from, std::string_view to) {
    NewMessage message;
    message.sender_id = Find(storage, std::string(from))->id;
    message.sender = from;
    message.recipient = to;
    message.text = "new";
    message.created = absl::FromUnixSeconds(1'700'000'000);
    const auto appended = storage.Append(std::vector<NewMessage>{message});
    CHECK(appended.ok()) << appended.status();
    return (*appended)[0];
  }

  inline static testing::PostgresServer* server_ = nullptr;
  const std::string url_ = server_->CreateDatabase();
  LogLines log_;
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_TAKEOVER_FIXTURE_H_
