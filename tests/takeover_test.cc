// contract.md, "The old database": the users of the old service find their messages.
#include <signal.h>

#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "storage/testing/old_database.h"
#include "storage/testing/process.h"
#include "tests/support/cluster.h"
#include "tests/support/rest_contract.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

// A database that the old service leaves behind.
std::string MakeOldDatabase() {
  const std::string url = Cluster::postgres().CreateDatabase();
  pqxx::connection connection(url);
  pqxx::nontransaction(connection)
      .exec(absl::StrCat(
          kOldTables,
          "INSERT INTO users (username, user_group) VALUES ('alice', 'red'), "
          "  ('bob', 'red'), (E'b\\nb', NULL);"
          "INSERT INTO messages VALUES "
          "  (17, 'bob', 'alice', 'hi', NULL, '2021-05-01 10:00:01.5+00'), "
          "  (12, 'alice', 'bob', 'hello', '', '2021-05-01 10:00:00+00'), "
          "  (23, 'alice', 'bob', '', '/1.png', '2021-05-01 10:00:02+00'), "
          "  (42, 'bob', 'alice', '', '', '2021-05-01 10:00:03+00'), "
          "  (30, E'b\\nb', 'alice', repeat('x', 2000000), NULL, NULL);"
          "INSERT INTO tokens VALUES ('old-token', 'alice', now())"));
  return url;
}

std::string History(Cluster& cluster, const Person& who, const std::string& with,
                    const std::string& more = "") {
  const HttpReply reply = Ask(
      cluster.port(), "GET",
      absl::StrCat("/messages?from=", who.name, "&to=", with, more), {who.authorization});
  EXPECT_EQ(reply.status, 200) << reply.body;
  return reply.body;
}

ClusterOptions On(const std::string& database_url) {
  ClusterOptions options;
  options.engine = Engine::kPostgres;
  options.database_url = database_url;
  return options;
}

constexpr char kOldMessages[] =
    R"({"id":12,"username_from":"alice","username_to":"bob","message":"hello",)"
    R"("created":"2021-05-01T10:00:00.000000Z"},)"
    R"({"id":17,"username_from":"bob","username_to":"alice","message":"hi",)"
    R"("created":"2021-05-01T10:00:01.500000Z"},)"
    R"({"id":23,"username_from":"alice","username_to":"bob","image_path":"/1.png",)"
    R"("created":"2021-05-01T10:00:02.000000Z"},)"
    R"({"id":42,"username_from":"bob","username_to":"alice",)"
    R"("created":"2021-05-01T10:00:03.000000Z"})";

TEST(TakeoverTest, OldMessagesAreInTheHistoryAndNewOnesComeLater) {
  Cluster cluster(On(MakeOldDatabase()));
  EXPECT_THAT(cluster.chatd().Output(), HasSubstr("took over 3 users and 5 messages"));
  const Person alice = cluster.NewPerson("alice", "red");
  const Person bob = cluster.NewPerson("bob", "red");
  const std::string old_history =
      absl::StrCat(R"({"result":[)", kOldMessages, R"(],"message":null})");
  EXPECT_EQ(History(cluster, alice, "bob"), old_history);
  EXPECT_EQ(History(cluster, bob, "alice"), old_history);
  EXPECT_THAT(History(cluster, alice, "bob", "&limit=1&before=23"),
              HasSubstr(R"([{"id":17,)"));

  const auto socket = cluster.Connect(bob);
  socket->SendMessage("alice", "new");
  const rapidjson::Document sent = socket->ReadJsonWith("id");
  EXPECT_GT(sent["id"].GetInt64(), 42);
  EXPECT_THAT(
      History(cluster, alice, "bob"),
      HasSubstr(absl::StrCat(kOldMessages, R"(,{"id":)", sent["id"].GetInt64(), ",")));

  // A name and a size that are refused now, and a time that was never there.
  const HttpReply strange =
      Ask(cluster.port(), "GET", "/messages?from=alice&to=b%0Ab", {alice.authorization});
  EXPECT_EQ(strange.status, 200);
  const rapidjson::Document json = Parse(strange);
  ASSERT_EQ(json["result"].Size(), 1u);
  EXPECT_STREQ(json["result"][0]["username_from"].GetString(), "b\nb");
  EXPECT_EQ(json["result"][0]["message"].GetStringLength(), 2'000'000u);
  EXPECT_STREQ(json["result"][0]["created"].GetString(), "1970-01-01T00:00:00.000000Z");

  // They are who they were, and must get new tokens.
  EXPECT_EQ(Ask(cluster.port(), "GET", "/connections", {alice.authorization}).body,
            R"({"result":[{"username":"alice","active":false},)"
            R"({"username":"bob","active":true}],"message":null})");
  HttpReply refusal;
  EXPECT_EQ(WebSocketClient::Connect(cluster.port(), "old-token", &refusal), nullptr);
  EXPECT_EQ(refusal.status, 403);
}

TEST(TakeoverTest, AStartThatIsKilledInItIsMadeUpForByTheNextOne) {
  const std::string url = MakeOldDatabase();
  pqxx::connection old_service(url);
  {
    pqxx::work writing(old_service);
    writing.exec("LOCK TABLE messages IN ROW EXCLUSIVE MODE");
    const auto chatd = Process::Start(
        {{"services/chat/chatd"},
         {{"DATABASE_URL", url}, {"VERIFICATION_URL", "http://127.0.0.1:1/authorize"}},
         ""});
    ASSERT_TRUE(chatd->WaitForLine("takes over", kTestDeadline).has_value())
        << chatd->Output();
    chatd->Signal(SIGKILL);
    ASSERT_TRUE(chatd->Wait(kTestDeadline).has_value());
    // Its session in the server sees that, and lets go of what it holds.
    pqxx::connection observer(url);
    const absl::Time deadline = absl::Now() + kTestDeadline;
    while (pqxx::nontransaction(observer)
               .exec("SELECT count(*) FROM pg_stat_activity "
                     "WHERE application_name = 'chatter' "
                     "AND datname = current_database()")[0][0]
               .as<int>() > 0) {
      ASSERT_LT(absl::Now(), deadline) << "its session does not end";
      absl::SleepFor(absl::Milliseconds(10));
    }
    EXPECT_TRUE(writing.exec("SELECT to_regclass('chatter.users')")[0][0].is_null());
  }
  Cluster cluster(On(url));
  EXPECT_THAT(History(cluster, cluster.NewPerson("alice", "red"), "bob"),
              HasSubstr(kOldMessages));
  cluster.StopChatd();
  cluster.StartChatd();
  cluster.WaitUntilReady();
  EXPECT_THAT(cluster.chatd().Output(), ::testing::Not(HasSubstr("took over")));
  EXPECT_THAT(History(cluster, cluster.NewPerson("alice", "red"), "bob"),
              HasSubstr(kOldMessages));
}

}  // namespace
}  // namespace chatter::testing
