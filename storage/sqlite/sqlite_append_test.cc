// What is SQLite's own in storing messages: transactions that are rolled back, the log,
// and databases of earlier programs.
#include <sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/migrations/migrations.h"
#include "storage/sqlite/checkpointer.h"
#include "storage/sqlite/sqlite_storage.h"
#include "storage/storage.h"

namespace chatter::storage::sqlite {
namespace {

using ::testing::ElementsAre;

class SqliteAppendTest : public ::testing::Test {
 protected:
  SqliteAppendTest() {
    std::string folder = ::testing::TempDir() + "/append-XXXXXX";
    PCHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    path_ = folder + "/test.db";
  }
  ~SqliteAppendTest() override { std::filesystem::remove_all(folder_); }

  void OpenStorage() {
    auto storage = Open(path_);
    ASSERT_TRUE(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
    const auto users = storage_->EnsureUsers(
        std::vector<Account>{{"alice", "g"}, {"bob", "g"}, {"carol", "g"}});
    ASSERT_TRUE(users.ok()) << users.status();
    alice_ = (*users)[0].id;
  }

  void MakeFirstVersion() {
    Execute(absl::StrCat(
        std::string(SqliteMigrations()[0].sql),
        "PRAGMA user_version = 1;"
        "INSERT INTO users (id, name, user_group) VALUES (7, 'alice', 'g');"
        "INSERT INTO users (id, name, user_group) VALUES (8, 'bob', 'g');"
        "INSERT INTO conversations VALUES (3, 'alice', 'bob', 2), (4, 'bob', 'carol', 1);"
        "INSERT INTO messages VALUES (3, 1, 5, 7, 'one', '', 'a', 100),"
        "  (3, 2, 7, 8, 'two', '/2.png', '', 200), (4, 1, 6, 8, 'other', '', '', 150);"
        "INSERT INTO client_ids VALUES (7, 'a', 3, 1);"
        "INSERT INTO outbox VALUES (3, 2, 'alice', 1, 200);"
        "UPDATE meta SET last_message_id = 7"));
  }

  // As somebody else.
  void Execute(const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }

  NewMessage FromAlice(std::string_view recipient, std::string_view text,
                       std::string_view client_id = "") {
    NewMessage message;
    message.sender_id = alice_;
    message.sender = "alice";
    message.recipient = recipient;
    message.text = text;
    message.client_id = client_id;
    message.created = absl::FromUnixMicros(++created_);
    return message;
  }

  absl::StatusOr<std::vector<Appended>> Append(const std::vector<NewMessage>& messages) {
    return storage_->Append(messages);
  }

  std::vector<Message> Read(std::string_view with) {
    HistoryQuery query;
    query.user = "alice";
    query.with = with;
    query.limit = 100;
    const auto messages = storage_->ReadHistory(query);
    EXPECT_TRUE(messages.ok()) << messages.status();
    return *messages;
  }

  std::string folder_;
  std::string path_;
  std::unique_ptr<Storage> storage_;
  int64_t alice_ = 0;
  int64_t created_ = 0;
};

TEST_F(SqliteAppendTest, ABatchThatIsRolledBackTakesNoNumbers) {
  OpenStorage();
  Execute(
      "CREATE TRIGGER refuse BEFORE INSERT ON messages WHEN NEW.text = 'refused' "
      "BEGIN SELECT RAISE(ABORT, 'refused'); END");
  const auto first = Append({FromAlice("bob", "1")});
  ASSERT_TRUE(first.ok()) << first.status();
  // Also in a conversation that is new.
  EXPECT_FALSE(Append({FromAlice("bob", "x", "a"), FromAlice("carol", "x"),
                       FromAlice("bob", "refused")})
                   .ok());
  const auto second = Append({FromAlice("bob", "2", "a"), FromAlice("carol", "1")});
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE((*second)[0].duplicate);
  EXPECT_EQ((*second)[0].seq, 2);
  EXPECT_GT((*second)[0].id, (*first)[0].id);
  EXPECT_EQ((*second)[1].seq, 1);
  EXPECT_EQ(Read("bob").size(), 2u);
  EXPECT_EQ(Read("carol").size(), 1u);
}

TEST_F(SqliteAppendTest, ARepeatMakesNoConversation) {
  OpenStorage();
  ASSERT_TRUE(Append({FromAlice("bob", "1", "a")}).ok());
  const auto again = Append({FromAlice("carol", "1", "a")});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE((*again)[0].duplicate);
  // Nobody is there to be numbered twice.
  Execute("INSERT INTO conversations (user_low, user_high) VALUES ('alice', 'carol')");
}

TEST_F(SqliteAppendTest, TheLogIsWrittenBackSeldomAndStaysShort) {
  OpenStorage();
  const std::string text(1500, 'x');
  const std::vector<NewMessage> batch(500, FromAlice("bob", text));
  constexpr int kMessages = 2 * Checkpointer::kStartPages;  // a page each, and a few more
  uintmax_t most_bytes = 0;
  for (size_t i = 0; i < kMessages; i += batch.size()) {
    ASSERT_TRUE(Append(batch).ok());
    most_bytes = std::max(most_bytes, std::filesystem::file_size(path_ + "-wal"));
  }
  EXPECT_GE(most_bytes, Checkpointer::kStartPages * 2048u);
  EXPECT_LE(most_bytes, (Checkpointer::kMostPages + 2000) * 2048u);
  storage_.reset();
  OpenStorage();
  EXPECT_EQ(Read("bob").back().seq, kMessages);
}

TEST_F(SqliteAppendTest, KeepsWhatTheFirstVersionStored) {
  MakeFirstVersion();
  OpenStorage();
  EXPECT_EQ(alice_, 7);
  const auto appended =
      Append({FromAlice("bob", "three"), FromAlice("bob", "again", "a")});
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ((*appended)[0].conversation, 3);
  EXPECT_EQ((*appended)[0].seq, 3);
  EXPECT_GT((*appended)[0].id, 7);
  EXPECT_TRUE((*appended)[1].duplicate);
  EXPECT_EQ((*appended)[1].id, 5);
  const std::vector<Message> history = Read("bob");
  ASSERT_EQ(history.size(), 3u);
  EXPECT_EQ(history[0].seq, 1);
  EXPECT_EQ(history[0].id, 5);
  EXPECT_EQ(history[0].sender, "alice");
  EXPECT_EQ(history[0].client_id, "a");
  EXPECT_EQ(history[1].seq, 2);
  EXPECT_EQ(history[1].sender, "bob");
  EXPECT_EQ(history[1].text, "two");
  EXPECT_EQ(history[1].image_path, "/2.png");
  EXPECT_EQ(absl::ToUnixMicros(history[1].created), 200);
  EXPECT_EQ(history[2].text, "three");
  const auto claimed =
      storage_->ClaimNotifications(absl::FromUnixMicros(200), absl::Minutes(1), 10);
  ASSERT_TRUE(claimed.ok()) << claimed.status();
  EXPECT_THAT(*claimed, ElementsAre(::testing::Field(&Notification::text, "two")));
}

TEST_F(SqliteAppendTest, AMigrationThatFailsHalfWayChangesNothing) {
  MakeFirstVersion();
  // Only the last step fails for this.
  Execute("CREATE INDEX own ON conversations (last_seq)");
  EXPECT_FALSE(Open(path_).ok());
  Execute("DROP INDEX own; UPDATE messages SET text = 'changed' WHERE seq = 2");
  OpenStorage();
  const std::vector<Message> history = Read("bob");
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].text, "one");
  EXPECT_EQ(history[1].text, "changed");
}

}  // namespace
}  // namespace chatter::storage::sqlite
