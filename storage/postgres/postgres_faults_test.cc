// PostgreSQL that goes away, comes back, and loses connections at the worst moment.
#include <atomic>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/faults_fixture.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/storage.h"
#include "storage/testing/postgres_proxy.h"

namespace chatter::storage::postgres {
namespace {

using ::chatter::testing::PostgresProxy;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

class PostgresFaultsTest : public FaultsFixture {};

TEST_F(PostgresFaultsTest, WaitsForAServerThatComesBack) {
  const std::unique_ptr<Storage> storage = OpenOrDie(server_.CreateDatabase());
  AddAliceAndBob(*storage);
  ASSERT_TRUE(storage->Append(std::vector<NewMessage>{FromAlice("1")}).ok());
  server_.Stop();
  absl::StatusOr<std::vector<Appended>> appended;
  std::thread sender(
      [&] { appended = storage->Append(std::vector<NewMessage>{FromAlice("2")}); });
  server_.Start();
  sender.join();
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ((*appended)[0].seq, 2);
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "2"));
}

TEST_F(PostgresFaultsTest, IsUnavailableWhileTheServerIsAway) {
  const std::unique_ptr<Storage> storage = OpenImpatiently(server_.CreateDatabase());
  AddAliceAndBob(*storage);
  server_.Stop();
  std::vector<std::thread> threads;
  std::vector<absl::Status> results(3);
  const absl::Time start = absl::Now();
  threads.emplace_back([&] { results[0] = storage->Ping(); });
  threads.emplace_back([&] {
    results[1] = storage->Append(std::vector<NewMessage>{FromAlice("1")}).status();
  });
  threads.emplace_back([&] {
    results[2] = storage->CreateUser({"carol", "g"}).status();
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
  for (const absl::Status& result : results) {
    EXPECT_TRUE(absl::IsUnavailable(result)) << result;
  }
  server_.Start();
  EXPECT_TRUE(storage->Ping().ok());
  EXPECT_THAT(Texts(*storage), SizeIs(0));
}

TEST_F(PostgresFaultsTest, FindsOutThatALostCommitHappened) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenOrDie(proxy.UrlOf(url));
  AddAliceAndBob(*storage);
  proxy.Add(PostgresProxy::Fault::kAfter, "marked");
  const auto appended = storage->Append(std::vector<NewMessage>{
      FromAlice("1"), FromAlice("marked", "a"), FromAlice("again", "a")});
  EXPECT_TRUE(proxy.is_done());
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ((*appended)[0].seq, 1);
  EXPECT_EQ((*appended)[1].seq, 2);
  EXPECT_FALSE((*appended)[1].duplicate);
  EXPECT_TRUE((*appended)[2].duplicate);
  EXPECT_EQ((*appended)[2].id, (*appended)[1].id);
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "marked"));
}

TEST_F(PostgresFaultsTest, StoresAgainWhenALostCommitDidNotHappen) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenOrDie(proxy.UrlOf(url));
  AddAliceAndBob(*storage);
  proxy.Add(PostgresProxy::Fault::kBefore, "marked");
  const auto appended =
      storage->Append(std::vector<NewMessage>{FromAlice("1"), FromAlice("marked")});
  EXPECT_TRUE(proxy.is_done());
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "marked"));
}

TEST_F(PostgresFaultsTest, FindsTheMessagesThatAreThereWhenAnswersAreLost) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenOrDie(proxy.UrlOf(url));
  AddAliceAndBob(*storage);
  const auto first = storage->Append(std::vector<NewMessage>{FromAlice("1", "a")});
  ASSERT_TRUE(first.ok()) << first.status();
  // That one of them is there, and then which one.
  proxy.Add(PostgresProxy::Fault::kAfter, "marked");
  proxy.Add(PostgresProxy::Fault::kAfter, "JOIN chatter.client_ids");
  const auto appended = storage->Append(std::vector<NewMessage>{
      FromAlice("again", "a"), FromAlice("marked", "b"), FromAlice("again", "b")});
  EXPECT_TRUE(proxy.is_done());
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_TRUE((*appended)[0].duplicate);
  EXPECT_EQ((*appended)[0].id, (*first)[0].id);
  EXPECT_FALSE((*appended)[1].duplicate);
  EXPECT_EQ((*appended)[1].seq, 2);
  EXPECT_TRUE((*appended)[2].duplicate);
  EXPECT_EQ((*appended)[2].id, (*appended)[1].id);
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "marked"));
}

TEST_F(PostgresFaultsTest, EndsALostSessionBeforeItCanCommit) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenOrDie(proxy.UrlOf(url));
  AddAliceAndBob(*storage);
  ASSERT_TRUE(storage->Append(std::vector<NewMessage>{FromAlice("1")}).ok());

  // Holds the messages, so that the append waits in the server when the engine loses its
  // connection; and lets go only once the lost session has gone.
  pqxx::connection other(url);
  std::thread holder;
  absl::Notification held;
  holder = std::thread([&] {
    pqxx::work transaction(other);
    transaction.exec("LOCK TABLE chatter.messages IN SHARE MODE");
    held.Notify();
    const std::string waiting =
        "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    pqxx::result found;
    while (found.empty()) found = transaction.exec(waiting);
    const std::string pid = found[0][0].c_str();
    // Cuts what the engine holds; its session in the server goes on waiting.
    transaction.exec("SELECT pg_terminate_backend(" + pid + ")");
    while (!transaction.exec(waiting + " AND pid = " + pid).empty()) {
    }
  });
  held.WaitForNotification();
  const auto appended = storage->Append(std::vector<NewMessage>{FromAlice("2")});
  holder.join();
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "2"));
}

TEST_F(PostgresFaultsTest, DoesNotRepeatWhatMayHaveHappenedAndIsNotFitForIt) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenOrDie(proxy.UrlOf(url));
  proxy.Add(PostgresProxy::Fault::kAfter, "lost");
  EXPECT_TRUE(absl::IsUnknown(storage->CreateUser({"lost", "g"}).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(storage->CreateUser({"lost", "g"}).status()));
}

TEST_F(PostgresFaultsTest, ACheckSeesAServerThatTakesNoWrites) {
  const std::string url = server_.CreateDatabase();
  OpenOrDie(url);
  EXPECT_TRUE(Check(url).ok());
  {
    // As a standby does.
    pqxx::connection connection(url);
    pqxx::nontransaction(connection)
        .exec(absl::StrCat("ALTER DATABASE ", connection.dbname(),
                           " SET default_transaction_read_only = on"));
  }
  const absl::Status status = Check(url).status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("no writes"));
}

TEST_F(PostgresFaultsTest, RepeatsWhatADeadlockHasRolledBack) {
  const std::string url = server_.CreateDatabase();
  pqxx::connection other(url);
  // It is the engine that is rolled back.
  pqxx::nontransaction(other).exec(
      "ALTER DATABASE test_1 SET deadlock_timeout = '3s'; SET deadlock_timeout = '1h'");
  const std::unique_ptr<Storage> storage = OpenOrDie(url);
  AddAliceAndBob(*storage);
  NewMessage to_herself = FromAlice("to herself");
  to_herself.recipient = "alice";
  const std::vector<NewMessage> both = {to_herself, FromAlice("to bob")};
  ASSERT_TRUE(storage->Append(both).ok());

  absl::StatusOr<std::vector<Appended>> appended;
  std::thread sender;
  {
    // Takes the next numbers of the two conversations the other way round.
    pqxx::work transaction(other);
    const auto take_number = [&](const std::string& user_high) {
      transaction.exec(
          "INSERT INTO chatter.messages SELECT id, 2, 0, 0, '', '', '', 0 "
          "FROM chatter.conversations WHERE user_high = '" +
          user_high + "'");
    };
    take_number("bob");
    sender = std::thread([&] { appended = storage->Append(both); });
    while (transaction
               .exec("SELECT count(*) FROM pg_stat_activity "
                     "WHERE wait_event_type = 'Lock'")[0][0]
               .as<int>() == 0) {
    }
    take_number("alice");
    transaction.abort();
  }
  sender.join();
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_EQ((*appended)[1].seq, 2);
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("to bob", "to bob"));
}

TEST_F(PostgresFaultsTest, LosesNothingAcknowledgedWhenTheServerCrashes) {
  const std::unique_ptr<Storage> storage = OpenOrDie(server_.CreateDatabase());
  AddAliceAndBob(*storage);
  std::atomic<bool> stop{false};
  std::vector<std::string> acknowledged;
  std::atomic<size_t> count{0};
  std::thread sender([&] {
    for (int i = 0; !stop; ++i) {
      const std::string first = absl::StrCat(i, "a"), second = absl::StrCat(i, "b");
      const auto appended = storage->Append(
          std::vector<NewMessage>{FromAlice(first, absl::StrCat(i)), FromAlice(second)});
      if (!appended.ok()) {
        ADD_FAILURE() << appended.status();
        stop = true;
        return;
      }
      acknowledged.push_back(first);
      acknowledged.push_back(second);
      count = acknowledged.size();
    }
  });
  for (int round = 0; round < 3; ++round) {
    const size_t seen = count;
    while (count < seen + 200 && !stop) absl::SleepFor(absl::Milliseconds(1));
    server_.Kill();
    server_.Start();
  }
  stop = true;
  sender.join();
  EXPECT_EQ(Texts(*storage), acknowledged);
}

TEST_F(PostgresFaultsTest, ErrorsDoNotTellThePassword) {
  const std::string url = server_.CreateDatabase();
  const std::string with_password =
      absl::StrCat("postgres://nobody:s3cret@/x", url.substr(url.find('?')));
  const auto storage = chatter::storage::Open(with_password);
  EXPECT_TRUE(absl::IsFailedPrecondition(storage.status())) << storage.status();
  EXPECT_THAT(std::string(storage.status().message()), Not(HasSubstr("s3cret")));
  EXPECT_THAT(std::string(storage.status().message()), HasSubstr("nobody"));
}

}  // namespace
}  // namespace chatter::storage::postgres
