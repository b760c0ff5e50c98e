// Which databases are taken over, and when.
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/postgres/takeover_fixture.h"
#include "storage/storage.h"
#include "storage/testing/old_database.h"

namespace chatter::storage::postgres {
namespace {

using ::chatter::testing::kOldTables;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr char kTookOver[] = "took over";
constexpr char kNotTakenOver[] = "not taken over";

class TakeoverDecisionTest : public TakeoverTest {};

TEST_F(TakeoverDecisionTest, HappensOnce) {
  Run(kOldTables);
  Run(kConversation);
  OpenOrDie();
  // Of an old service that was not stopped.
  Run("INSERT INTO messages (username_from, username_to, message) "
      "VALUES ('alice', 'bob', 'too late')");
  for (int start = 0; start < 2; ++start) {
    EXPECT_THAT(Texts(*OpenOrDie()), ElementsAre("hello", "hi"));
  }
  EXPECT_THAT(log_.With(kTookOver), SizeIs(1));
}

TEST_F(TakeoverDecisionTest, EmptyOldTablesAreTakenOverToo) {
  Run(kOldTables);
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(log_.With(kTookOver), ElementsAre("took over 0 users and 0 messages"));
  EXPECT_GT(storage->CreateUser({"alice", "red"})->id, 0);
  EXPECT_GT(Send(*storage, "alice", "alice").id, 0);
}

TEST_F(TakeoverDecisionTest, SeveralThatStartAtOnceImportOnce) {
  Run(kOldTables);
  Run(kConversation);
  pqxx::connection old_service(url_);
  pqxx::work writing(old_service);
  writing.exec("INSERT INTO users (username) VALUES ('carol')");
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back(
        [&] { EXPECT_THAT(Texts(*OpenOrDie()), ElementsAre("hello", "hi")); });
  }
  AwaitWaiting(3);
  writing.commit();
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(log_.With(kTookOver), ElementsAre("took over 3 users and 2 messages"));
}

TEST_F(TakeoverDecisionTest, TablesThatOnlyHaveTheNamesAreNotTouched) {
  struct Case {
    const char* what;
    const char* change;
    int logged;
  };
  for (const Case& other : {
           Case{"one is missing", "DROP TABLE tokens", 0},
           Case{"a view",
                "ALTER TABLE tokens RENAME TO t; "
                "CREATE VIEW tokens AS SELECT * FROM t",
                0},
           Case{"in another schema", "CREATE SCHEMA s; ALTER TABLE tokens SET SCHEMA s",
                0},
           Case{"a column more", "ALTER TABLE users ADD password text", 1},
           Case{"a column less", "ALTER TABLE messages DROP image_path", 1},
           Case{"another type", "ALTER TABLE messages ALTER id TYPE bigint", 1},
           Case{"another length", "ALTER TABLE users ALTER user_group TYPE varchar(57)",
                1},
           Case{"uacl's",
                "DROP TABLE tokens; CREATE TABLE tokens "
                "(username varchar(128), refresh_token varchar(128))",
                1},
       }) {
    SCOPED_TRACE(other.what);
    const std::string url = server_->CreateDatabase();
    Run(url, kOldTables);
    Run(url, kConversation);
    Run(url, other.change);
    const LogLines log;
    pqxx::connection holder(url);
    pqxx::work holding(holder);
    holding.exec("LOCK TABLE users, messages IN ACCESS EXCLUSIVE MODE");
    const std::unique_ptr<Storage> storage = OpenOrDie(url);
    EXPECT_FALSE(Find(*storage, "alice").has_value());
    EXPECT_THAT(log.With(kTookOver), IsEmpty());
    EXPECT_THAT(log.With(kNotTakenOver), SizeIs(other.logged));
  }
}

TEST_F(TakeoverDecisionTest, AColumnThatWasDroppedAndTheColumnsOrderDoNotMatter) {
  Run("CREATE TABLE users (gone text, user_group varchar(56), "
      "  username varchar(128) UNIQUE, id serial PRIMARY KEY);"
      "CREATE TABLE tokens (expiration timestamptz, token text, username varchar(128));"
      "CREATE TABLE messages (message text, image_path text, username_to varchar(128), "
      "  username_from varchar(128), created_at timestamptz, id serial);"
      "ALTER TABLE users DROP gone");
  Run(kConversation);
  EXPECT_THAT(Texts(*OpenOrDie()), ElementsAre("hello", "hi"));
}

TEST_F(TakeoverDecisionTest, OldTablesThatComeLaterAreTakenOverWhenChatterIsEmpty) {
  OpenOrDie();
  EXPECT_THAT(log_.With("old service"), IsEmpty());
  Run(kOldTables);
  Run(kConversation);
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(Texts(*storage), ElementsAre("hello", "hi"));
  EXPECT_THAT(log_.With(kTookOver), SizeIs(1));
}

TEST_F(TakeoverDecisionTest, OldTablesBesideDataOfChatterAreLeftAloneForGood) {
  CHECK(OpenOrDie()->CreateUser({"alice", "blue"}).ok());
  Run(kOldTables);
  Run(kConversation);
  {
    // Not even locked.
    pqxx::connection holder(url_);
    pqxx::work holding(holder);
    holding.exec("LOCK TABLE users, messages IN ACCESS EXCLUSIVE MODE");
    const std::unique_ptr<Storage> storage = OpenOrDie();
    EXPECT_EQ(Find(*storage, "alice")->group, "blue");
    EXPECT_FALSE(Find(*storage, "bob").has_value());
    EXPECT_THAT(log_.With(kNotTakenOver), SizeIs(1));
  }
  // Said once, and what was decided holds.
  Run("DELETE FROM chatter.users");
  EXPECT_FALSE(Find(*OpenOrDie(), "bob").has_value());
  EXPECT_THAT(log_.With(kNotTakenOver), SizeIs(1));
  EXPECT_THAT(log_.With(kTookOver), IsEmpty());
}

TEST_F(TakeoverDecisionTest, ACheckSaysWhatTheNextStartWouldTakeOver) {
  const auto says_so = [&] {
    const absl::StatusOr<std::string> check = Check(url_);
    CHECK(check.ok()) << check.status();
    return absl::StrContains(*check, "taken over");
  };
  EXPECT_FALSE(says_so());
  OpenOrDie();
  EXPECT_FALSE(says_so());
  Run(kOldTables);
  EXPECT_TRUE(says_so());
  Run("DROP SCHEMA chatter CASCADE");
  EXPECT_TRUE(says_so());
  EXPECT_EQ(Number("SELECT count(*) FROM pg_namespace WHERE nspname = 'chatter'"), 0);
  OpenOrDie();  // takes over
  EXPECT_FALSE(says_so());
  Run("DELETE FROM chatter.takeover;"
      "INSERT INTO chatter.users (name, user_group) VALUES ('alice', '')");
  EXPECT_FALSE(says_so());
}

TEST_F(TakeoverDecisionTest, WhatChatterIsGettingMeanwhileIsWaitedForAndCounts) {
  OpenOrDie();
  Run(kOldTables);
  Run(kConversation);
  pqxx::connection other_chatd(url_);
  pqxx::work writing(other_chatd);
  writing.exec("INSERT INTO chatter.users (name, user_group) VALUES ('alice', 'blue')");
  std::thread opener([&] { EXPECT_FALSE(Find(*OpenOrDie(), "bob").has_value()); });
  AwaitWaiting(1);
  writing.commit();
  opener.join();
  EXPECT_THAT(log_.With(kNotTakenOver), SizeIs(1));
}

TEST_F(TakeoverDecisionTest, ARoleThatMayNotReadTheOldTablesCannotStart) {
  Run(kOldTables);
  Run(kConversation);
  const std::string name = Run(url_, "SELECT current_database()")[0][0].c_str();
  Run(absl::StrCat("CREATE ROLE stranger LOGIN; GRANT CREATE ON DATABASE ", name,
                   " TO stranger"));
  const std::string stranger =
      absl::StrReplaceAll(url_, {{"postgres://postgres@", "postgres://stranger@"}});
  const absl::Status status = chatter::storage::Open(stranger).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("the old service's tables"),
                                                   HasSubstr("permission denied")));
  // Otherwise it would begin without them, and could never take them over.
  EXPECT_EQ(Number("SELECT count(*) FROM pg_namespace WHERE nspname = 'chatter'"), 0);
  Run("GRANT SELECT, UPDATE ON users, messages TO stranger");
  EXPECT_TRUE(Check(stranger).ok());
  EXPECT_THAT(Texts(*OpenOrDie(stranger)), ElementsAre("hello", "hi"));
}

}  // namespace
}  // namespace chatter::storage::postgres
