// What is taken over of the old service's database, and how.
#include <memory>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/postgres/takeover_fixture.h"
#include "storage/storage.h"
#include "storage/testing/old_database.h"
#include "storage/testing/postgres_proxy.h"

namespace chatter::storage::postgres {
namespace {

using ::chatter::testing::kOldTables;
using ::chatter::testing::PostgresProxy;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr char kTookOver[] = "took over";

TEST_F(TakeoverTest, UsersAndMessagesKeepTheirIdsAndOrder) {
  Run(kOldTables);
  Run("INSERT INTO users (id, username, user_group) VALUES "
      "(3, 'alice', 'red'), (5, 'bob', 'red'), (9, 'Carol', NULL);"
      "INSERT INTO messages VALUES "
      "(10, 'bob', 'alice', '2', NULL, '2021-05-01 10:00:00.123456+00'),"
      "(4, 'alice', 'bob', '1', '', '2021-05-02 10:00:00+02'),"
      "(12, 'alice', 'Carol', 'other', '/1.png', '2021-05-01 10:00:00+00'),"
      "(20, 'alice', 'bob', '3', '/2.png', '2021-04-01 10:00:00+00'),"
      "(30, 'bob', 'bob', 'self', '', '2021-04-01 10:00:00+00');"
      "INSERT INTO tokens VALUES ('secret', 'alice', '2021-05-01 10:00:00+00')");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(log_.With(kTookOver), ElementsAre("took over 3 users and 5 messages"));

  const std::optional<User> alice = Find(*storage, "alice");
  ASSERT_TRUE(alice.has_value());
  EXPECT_EQ(alice->id, 3);
  EXPECT_EQ(alice->group, "red");
  EXPECT_EQ(Find(*storage, "Carol")->group, "");

  const std::vector<Message> history = History(*storage, "alice", "bob");
  ASSERT_THAT(history, SizeIs(3));
  EXPECT_THAT(history, ElementsAre(Field(&Message::id, 4), Field(&Message::id, 10),
                                   Field(&Message::id, 20)));
  EXPECT_THAT(history, ElementsAre(Field(&Message::seq, 1), Field(&Message::seq, 2),
                                   Field(&Message::seq, 3)));
  EXPECT_EQ(history[0].sender, "alice");
  EXPECT_EQ(history[0].recipient, "bob");
  EXPECT_EQ(history[0].text, "1");
  EXPECT_EQ(history[0].client_id, "");
  EXPECT_EQ(history[0].created, absl::FromUnixSeconds(1'619'942'400));
  EXPECT_EQ(history[1].sender, "bob");
  EXPECT_EQ(history[1].recipient, "alice");
  EXPECT_EQ(history[1].image_path, "");
  EXPECT_EQ(history[1].created, absl::FromUnixMicros(1'619'863'200'123'456));
  EXPECT_EQ(history[2].image_path, "/2.png");
  EXPECT_THAT(History(*storage, "Carol", "alice"),
              ElementsAre(AllOf(Field(&Message::id, 12), Field(&Message::seq, 1))));
  EXPECT_THAT(History(*storage, "bob", "bob"),
              ElementsAre(AllOf(Field(&Message::id, 30), Field(&Message::seq, 1),
                                Field(&Message::sender, "bob"),
                                Field(&Message::recipient, "bob"))));

  // What is new comes later, in a conversation that was there as in a new one.
  EXPECT_GT(storage->CreateUser({"dora", "red"})->id, 9);
  const Appended next = Send(*storage, "bob", "alice");
  EXPECT_EQ(next.seq, 4);
  EXPECT_GT(next.id, 30);
  const Appended first = Send(*storage, "dora", "alice");
  EXPECT_EQ(first.seq, 1);
  EXPECT_GT(first.id, next.id);
  EXPECT_NE(first.conversation, next.conversation);

  // The old tables are as they were, and their tokens are nobody's.
  EXPECT_EQ(Number("SELECT count(*) FROM public.users"), 3);
  EXPECT_EQ(Number("SELECT count(*) FROM public.messages"), 5);
  EXPECT_EQ(Number("SELECT count(*) FROM public.tokens"), 1);
  EXPECT_EQ(Number("SELECT count(*) FROM chatter.tokens"), 0);
  EXPECT_EQ(Number("SELECT count(*) FROM chatter.outbox"), 0);
}

TEST_F(TakeoverTest, OddRowsAreTakenAsWellAsTheyCanBe) {
  const std::string longest(128, 'x');
  Run(kOldTables);
  Run(absl::StrCat(
      "INSERT INTO users (username) VALUES ('alice'), ('bob'), (''), (E'new\\nline'), "
      "('ünï'), ('",
      longest,
      "'), (NULL);"
      "INSERT INTO messages (username_from, username_to, message, image_path, "
      "  created_at) VALUES "
      "('alice', 'bob', NULL, NULL, NULL), ('alice', 'bob', '', '', 'infinity'),"
      "('alice', 'bob', repeat('long ', 500000), '', '-infinity'),"
      "('alice', 'bob', '', '', '0044-03-15 12:00:00+00 BC'),"
      "('alice', 'bob', '', '', '0001-01-01 00:00:00+00'),"
      "('alice', 'bob', '', '', '1969-12-31 23:59:59.999999+00'),"
      "('alice', '', 'to nobody', '', now()), ('', 'alice', 'from nobody', '', now()),"
      "(E'new\\nline', 'ünï', 'strange', '', now()),"
      "('",
      longest,
      "', 'alice', 'far', '', now()),"
      "(NULL, 'alice', 'lost', '', now()), ('alice', NULL, 'lost', '', now())"));
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(log_.With(kTookOver), ElementsAre("took over 6 users and 10 messages"));
  EXPECT_THAT(log_.With("left out"), ElementsAre(HasSubstr(" 2 messages")));

  const std::vector<Message> history = History(*storage, "alice", "bob");
  ASSERT_THAT(history, SizeIs(6));
  const absl::Time earliest =
      absl::FromCivil(absl::CivilSecond(1, 1, 1), absl::UTCTimeZone());
  const absl::Time latest =
      absl::FromCivil(absl::CivilSecond(10000, 1, 1), absl::UTCTimeZone()) -
      absl::Microseconds(1);
  const std::vector<absl::Time> times = {
      absl::UnixEpoch(), latest,   earliest,
      earliest,          earliest, absl::UnixEpoch() - absl::Microseconds(1)};
  for (size_t i = 0; i < times.size(); ++i) {
    EXPECT_EQ(history[i].created, times[i]) << i;
    EXPECT_EQ(history[i].seq, static_cast<int64_t>(i + 1));
    EXPECT_EQ(history[i].image_path, "");
    EXPECT_EQ(history[i].text.size(), i == 2 ? 2'500'000u : 0u);
  }
  EXPECT_THAT(History(*storage, "alice", ""),
              ElementsAre(Field(&Message::text, "to nobody"),
                          Field(&Message::text, "from nobody")));
  EXPECT_THAT(History(*storage, "new\nline", "ünï"),
              ElementsAre(AllOf(Field(&Message::text, "strange"),
                                Field(&Message::sender, "new\nline"))));
  EXPECT_THAT(History(*storage, "alice", longest),
              ElementsAre(Field(&Message::text, "far")));
  EXPECT_EQ(Send(*storage, "bob", "alice").seq, 7);
}

TEST_F(TakeoverTest, MessagesWithoutBothNamesAreNotInTheirUsersOwnConversations) {
  Run(kOldTables);
  Run("INSERT INTO users (username) VALUES ('alice'), ('bob');"
      "INSERT INTO messages (username_from, username_to, message) VALUES "
      "('alice', 'alice', 'mine'), ('alice', NULL, 'lost'), ('alice', 'alice', 'too'), "
      "('bob', 'bob', 'his'), (NULL, 'bob', 'lost')");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(log_.With(kTookOver), ElementsAre("took over 2 users and 3 messages"));
  EXPECT_THAT(History(*storage, "alice", "alice"),
              ElementsAre(Field(&Message::text, "mine"), Field(&Message::text, "too")));
  EXPECT_THAT(History(*storage, "bob", "bob"), ElementsAre(Field(&Message::text, "his")));
  EXPECT_EQ(Send(*storage, "alice", "alice").seq, 3);
}

TEST_F(TakeoverTest, IdsGoOnWhereTheOldOnesEnd) {
  Run(kOldTables);
  Run(kConversation);
  // As large as they can be.
  Run("UPDATE users SET id = 2147483647 WHERE username = 'bob';"
      "UPDATE messages SET id = 2147483647 WHERE username_from = 'bob'");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_EQ(Find(*storage, "bob")->id, 2'147'483'647);
  EXPECT_EQ(storage->CreateUser({"carol", "red"})->id, 2'147'483'648);
  EXPECT_EQ(Send(*storage, "alice", "bob").id, 2'147'483'648);
  EXPECT_EQ(Send(*storage, "alice", "carol").id, 2'147'483'649);
}

TEST_F(TakeoverTest, EveryMessageOfManyConversationsHasItsPlace) {
  Run(kOldTables);
  // Stored in another order than that of their ids.
  Run("INSERT INTO users (username) SELECT 'user ' || i FROM generate_series(1, 30) i;"
      "INSERT INTO messages SELECT id, 'user ' || 1 + id * 7 % 30, "
      "  'user ' || 1 + id * id % 30, 'text ' || id, '/' || id, to_timestamp(id % 1000) "
      "FROM generate_series(1, 20000) id ORDER BY md5(id::text)");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_EQ(
      Number("SELECT count(*) FROM public.messages o JOIN chatter.messages m USING (id) "
             "JOIN chatter.users u ON u.id = m.sender_id "
             "JOIN chatter.conversations c ON c.id = m.conversation_id "
             "WHERE u.name = o.username_from AND m.text = o.message "
             "AND m.image_path = o.image_path AND m.created_us = o.id % 1000 * 1000000 "
             "AND (user_low, user_high) IN ((o.username_from, o.username_to), "
             "  (o.username_to, o.username_from)) AND user_low <= user_high"),
      20'000);
  EXPECT_EQ(Number("SELECT count(*) FROM (SELECT seq, row_number() OVER w AS dense "
                   "FROM chatter.messages m "
                   "WINDOW w AS (PARTITION BY conversation_id ORDER BY m.id)) AS placed "
                   "WHERE seq <> dense"),
            0);
  // Positions in the history are found.
  HistoryQuery query;
  query.user = "user 2";
  query.with = "user 8";
  query.limit = 1'000;
  const std::vector<Message> all = History(*storage, query.user, query.with);
  ASSERT_GT(all.size(), 10u);
  query.before_id = all[7].id;
  const auto before = storage->ReadHistory(query);
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_THAT(*before, SizeIs(7));
  EXPECT_EQ(before->back().id, all[6].id);
}

TEST_F(TakeoverTest, WhatIsBeingWrittenIsWaitedForAndTaken) {
  Run(kOldTables);
  Run(kConversation);
  // The server's own default must not hide what is committed meanwhile.
  const std::string name = Run(url_, "SELECT current_database()")[0][0].c_str();
  Run("ALTER DATABASE " + name +
      " SET default_transaction_isolation = 'repeatable read'");
  pqxx::connection old_service(url_);
  pqxx::work writing(old_service);
  writing.exec(
      "INSERT INTO messages (username_from, username_to, message) "
      "VALUES ('alice', 'bob', 'just in time')");
  std::thread opener([&] {
    EXPECT_THAT(Texts(*OpenOrDie()), ElementsAre("hello", "hi", "just in time"));
  });
  AwaitWaiting(1);
  EXPECT_THAT(log_.With("waits until that is done"), SizeIs(1));
  writing.commit();
  opener.join();
}

TEST_F(TakeoverTest, WhenItIsInterruptedNothingIsImportedAndTheNextStartDoesIt) {
  Run(kOldTables);
  Run(kConversation);
  pqxx::connection old_service(url_);
  pqxx::work writing(old_service);
  writing.exec("LOCK TABLE messages IN ROW EXCLUSIVE MODE");
  // Ends the session in the server for as long as the engine has patience for.
  absl::Status status;
  std::thread opener([&] { status = Open(url_, absl::ZeroDuration()).status(); });
  AwaitWaiting(1);
  Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE wait_event_type = 'Lock' AND datname = current_database()");
  opener.join();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_EQ(Number("SELECT count(*) FROM pg_namespace WHERE nspname = 'chatter'"), 0);
  writing.abort();
  EXPECT_THAT(Texts(*OpenOrDie()), ElementsAre("hello", "hi"));
}

TEST_F(TakeoverTest, ALostCommitIsRepeatedOrSeenToHaveHappened) {
  for (const auto fault : {PostgresProxy::Fault::kBefore, PostgresProxy::Fault::kAfter}) {
    const std::string url = server_->CreateDatabase();
    Run(url, kOldTables);
    Run(url, kConversation);
    PostgresProxy proxy(*server_);
    proxy.Add(fault, "COMMIT");
    EXPECT_THAT(Texts(*OpenOrDie(proxy.UrlOf(url))), ElementsAre("hello", "hi"));
    EXPECT_TRUE(proxy.is_done());
    EXPECT_EQ(Number(url, "SELECT count(*) FROM chatter.takeover"), 1);
  }
}

TEST_F(TakeoverTest, IdsThatChatterHasGivenAreNotGivenAgain) {
  OpenOrDie();
  Run("SELECT setval('chatter.message_ids', 100), "
      "setval(pg_get_serial_sequence('chatter.users', 'id'), 200)");
  Run(kOldTables);
  Run(kConversation);
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_GT(storage->CreateUser({"carol", "red"})->id, 200);
  EXPECT_GT(Send(*storage, "alice", "bob").id, 100);
}

TEST_F(TakeoverTest, AMessageOfNobodyEndsIt) {
  Run(kOldTables);
  Run(kConversation);
  Run("ALTER TABLE messages DROP CONSTRAINT messages_username_from_fkey;"
      "UPDATE messages SET username_from = 'nobody' WHERE id = 1");
  EXPECT_FALSE(chatter::storage::Open(url_).ok());
  EXPECT_EQ(Number("SELECT count(*) FROM pg_namespace WHERE nspname = 'chatter'"), 0);
}

}  // namespace
}  // namespace chatter::storage::postgres
