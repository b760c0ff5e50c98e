#include "storage/testing/conformance.h"

#include <sqlite3.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "storage/open.h"
#include "storage/testing/postgres_server.h"

namespace chatter::storage {
namespace {

class SqliteEngine : public Engine {
 public:
  SqliteEngine() {
    std::string folder = ::testing::TempDir() + "/sqlite-XXXXXX";
    PCHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
  }
  ~SqliteEngine() override { std::filesystem::remove_all(folder_); }

  std::string NewDatabase() override {
    return absl::StrCat("sqlite:", folder_, "/", ++databases_, ".db");
  }
  void RaiseSchemaVersion(const std::string& url) override {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(url.substr(7).c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, "PRAGMA user_version = 1000", nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(db);
  }

 private:
  std::string folder_;
  int databases_ = 0;
};

class PostgresEngine : public Engine {
 public:
  std::string NewDatabase() override { return server_.CreateDatabase(); }
  void RaiseSchemaVersion(const std::string& url) override {
    pqxx::connection connection(url);
    pqxx::nontransaction(connection)
        .exec("INSERT INTO chatter.schema_version VALUES (1000)");
  }

 private:
  ::chatter::testing::PostgresServer server_;
};

}  // namespace

Engine& ConformanceTest::engine() {
  static auto& engines = *new std::map<std::string, std::unique_ptr<Engine>>;
  std::unique_ptr<Engine>& engine = engines[GetParam()];
  if (engine == nullptr) {
    if (IsSqlite()) {
      engine = std::make_unique<SqliteEngine>();
    } else {
      engine = std::make_unique<PostgresEngine>();
    }
    static const int registered = std::atexit([] { engines.clear(); });
    EXPECT_EQ(registered, 0);
  }
  return *engine;
}

void ConformanceTest::SetUp() {
  url_ = engine().NewDatabase();
  Reopen();
}

void ConformanceTest::Reopen() {
  storage_.reset();
  auto storage = Open(url_);
  ASSERT_TRUE(storage.ok()) << storage.status();
  storage_ = *std::move(storage);
}

int64_t ConformanceTest::AddUser(const std::string& name, const std::string& group) {
  const auto user = storage_->CreateUser({name, group});
  EXPECT_TRUE(user.ok()) << user.status();
  return user.ok() ? user->id : 0;
}

void ConformanceTest::AddAliceAndBob() {
  alice_ = AddUser("alice");
  bob_ = AddUser("bob");
}

NewMessage ConformanceTest::Make(int64_t sender_id, std::string_view sender,
                                 std::string_view recipient, std::string_view text) {
  NewMessage message;
  message.sender_id = sender_id;
  message.sender = sender;
  message.recipient = recipient;
  message.text = text;
  message.created = kStart + absl::Microseconds(++created_);
  return message;
}

std::vector<Appended> ConformanceTest::Append(const std::vector<NewMessage>& messages) {
  const auto appended = storage_->Append(messages);
  EXPECT_TRUE(appended.ok()) << appended.status();
  return appended.ok() ? *appended : std::vector<Appended>(messages.size());
}

std::vector<Appended> ConformanceTest::AppendNumbers(int count) {
  constexpr int kBatch = 1000;
  std::vector<Appended> all;
  for (int done = 0; done < count;) {
    std::vector<std::string> texts;
    for (; static_cast<int>(texts.size()) < kBatch && done < count; ++done) {
      texts.push_back(absl::StrCat(done + 1));
    }
    std::vector<NewMessage> messages;
    for (const std::string& text : texts) messages.push_back(FromAlice(text));
    for (const Appended& each : Append(messages)) all.push_back(each);
  }
  return all;
}

std::vector<Message> ConformanceTest::Read(const HistoryQuery& query) {
  const auto messages = storage_->ReadHistory(query);
  EXPECT_TRUE(messages.ok()) << messages.status();
  return messages.ok() ? *messages : std::vector<Message>();
}

std::vector<std::string> ConformanceTest::ReadTexts(const HistoryQuery& query) {
  std::vector<std::string> texts;
  for (const Message& message : Read(query)) texts.push_back(message.text);
  return texts;
}

HistoryQuery ConformanceTest::Newest(int limit) {
  HistoryQuery query;
  query.user = "alice";
  query.with = "bob";
  query.limit = limit;
  return query;
}

INSTANTIATE_TEST_SUITE_P(Engines, ConformanceTest,
                         ::testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

}  // namespace chatter::storage
