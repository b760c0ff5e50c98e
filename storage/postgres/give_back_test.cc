// The way back to the service that Chatter replaces.
#include <fstream>
#include <iterator>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/takeover_fixture.h"
#include "storage/storage.h"
#include "storage/testing/old_database.h"

namespace chatter::storage::postgres {
namespace {

using ::chatter::testing::kOldTables;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// give_back.sql, as psql would run it.
class GiveBackTest : public TakeoverTest {
 protected:
  void GiveBack() {
    std::ifstream file("storage/postgres/give_back.sql");
    CHECK(file.good());
    const std::string sql((std::istreambuf_iterator<char>(file)),
                          std::istreambuf_iterator<char>());
    pqxx::connection connection(url_);
    pqxx::nontransaction(connection).exec(sql);
  }

  std::string OldRow(const std::string& sql) {
    const pqxx::result rows = Run(url_, sql);
    EXPECT_EQ(rows.size(), 1u) << sql;
    std::string text;
    for (const auto& field : rows[0]) absl::StrAppend(&text, field.c_str(), "|");
    return text;
  }
};

TEST_F(GiveBackTest, TheOldServiceFindsWhatCameSince) {
  Run(kOldTables);
  Run(kConversation);
  {
    const std::unique_ptr<Storage> storage = OpenOrDie();
    ASSERT_TRUE(storage->EnsureUsers(std::vector<Account>{{"carol", "red"}}).ok());
    ASSERT_TRUE(storage->EnsureUsers(std::vector<Account>{{"bob", "blue"}}).ok());
    EXPECT_EQ(Send(*storage, "bob", "alice").id, 3);
    EXPECT_EQ(Send(*storage, "carol", "carol").id, 4);
  }
  for (int i = 0; i < 2; ++i) {
    GiveBack();
    EXPECT_EQ(Number("SELECT count(*) FROM public.users"), 3);
    EXPECT_EQ(Number("SELECT count(*) FROM public.messages"), 4);
    EXPECT_EQ(OldRow("SELECT user_group FROM public.users WHERE username = 'bob'"),
              "blue|");
    EXPECT_EQ(OldRow("SELECT username_from, username_to, message, "
                     "extract(epoch FROM created_at)::bigint "
                     "FROM public.messages WHERE id = 3"),
              "bob|alice|new|1700000000|");
    EXPECT_EQ(OldRow("SELECT username_from, username_to FROM public.messages "
                     "WHERE id = 4"),
              "carol|carol|");
  }
  // The old service goes on, and then Chatter again.
  Run("INSERT INTO public.users (username) VALUES ('dave');"
      "INSERT INTO public.messages (username_from, username_to, message) "
      "VALUES ('alice', 'bob', 'from the old service')");
  EXPECT_EQ(Number("SELECT max(id) FROM public.messages"), 5);
  Run("DROP SCHEMA chatter CASCADE");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_THAT(Texts(*storage), ElementsAre("hello", "hi", "new", "from the old service"));
  EXPECT_EQ(Send(*storage, "alice", "dave").id, 6);
}

TEST_F(GiveBackTest, TwoMessagesOfOneIdStopIt) {
  Run(kOldTables);
  Run(kConversation);
  Send(*OpenOrDie(), "alice", "bob");
  GiveBack();
  // Both services went on, one after the other.
  Run("INSERT INTO public.messages (username_from, username_to, message) "
      "VALUES ('alice', 'bob', 'of the old service')");
  const std::unique_ptr<Storage> storage = OpenOrDie();
  EXPECT_EQ(Send(*storage, "alice", "bob").id, 4);
  Send(*storage, "alice", "bob");
  EXPECT_THROW(GiveBack(), pqxx::unique_violation);
  EXPECT_EQ(Number("SELECT count(*) FROM public.messages"), 4);
}

TEST_F(GiveBackTest, OddRowsThatWereThereBeforeAreNotGivenTwice) {
  Run(kOldTables);
  Run(kConversation);
  Run("INSERT INTO messages (username_from, username_to, message, image_path, "
      "  created_at) VALUES "
      "('alice', 'alice', NULL, NULL, NULL), ('alice', 'bob', '', '', 'infinity'),"
      "('bob', 'alice', NULL, '', '-infinity'), (NULL, 'alice', 'lost', '', now())");
  OpenOrDie();
  GiveBack();
  EXPECT_EQ(Number("SELECT count(*) FROM public.messages"), 6);
}

}  // namespace
}  // namespace chatter::storage::postgres
