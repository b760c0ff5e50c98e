// Numbers of messages when others add some too.
#include "storage/postgres/numbering.h"

#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/storage.h"
#include "storage/testing/postgres_server.h"

namespace chatter::storage::postgres {
namespace {

using ::testing::ElementsAre;

class NumberingTest : public ::testing::Test {
 protected:
  // As another process has it.
  std::unique_ptr<Storage> Open() const {
    auto storage = chatter::storage::Open(url_);
    CHECK(storage.ok()) << storage.status();
    return *std::move(storage);
  }

  static NewMessage Make(std::string_view sender, std::string_view recipient,
                         std::string_view text, std::string_view client_id = "") {
    NewMessage message;
    message.sender_id = sender == "alice" ? 1 : 2;
    message.sender = sender;
    message.recipient = recipient;
    message.text = text;
    message.client_id = client_id;
    message.created = absl::FromUnixSeconds(1'700'000'000);
    return message;
  }

  static Appended Append(Storage& storage, const NewMessage& message) {
    const auto appended = storage.Append({&message, 1});
    CHECK(appended.ok()) << appended.status();
    return (*appended)[0];
  }

  pqxx::result Run(const std::string& sql) const {
    pqxx::connection connection(url_);
    return pqxx::nontransaction(connection).exec(sql);
  }

  chatter::testing::PostgresServer server_;
  const std::string url_ = server_.CreateDatabase();
};

TEST_F(NumberingTest, WhatOthersHaveAddedCounts) {
  const std::unique_ptr<Storage> one = Open(), other = Open();
  EXPECT_EQ(Append(*one, Make("alice", "bob", "1")).seq, 1);
  EXPECT_EQ(Append(*other, Make("bob", "alice", "2")).seq, 2);
  EXPECT_EQ(Append(*other, Make("bob", "alice", "3")).seq, 3);
  const Appended fourth = Append(*one, Make("alice", "bob", "4", "a"));
  EXPECT_EQ(fourth.seq, 4);
  const Appended again = Append(*other, Make("alice", "bob", "4", "a"));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.id, fourth.id);
  EXPECT_EQ(Append(*other, Make("bob", "alice", "5")).seq, 5);
}

TEST_F(NumberingTest, ManyProcessesKeepEveryConversationDense) {
  constexpr int kProcesses = 4;
  constexpr int kBatches = 50;
  std::vector<std::thread> threads;
  for (int process = 0; process < kProcesses; ++process) {
    threads.emplace_back([&, process] {
      const std::unique_ptr<Storage> storage = Open();
      std::map<int64_t, int64_t> last_seq;
      for (int batch = 0; batch < kBatches; ++batch) {
        const std::string text = absl::StrCat(process, ".", batch);
        // The second one of all of them, so that whoever is late repeats it.
        const std::string client_id = absl::StrCat(batch);
        const std::vector<NewMessage> messages = {
            Make("alice", "bob", text), Make("alice", "carol", text, client_id),
            Make("bob", "alice", text), Make("bob", "carol", text)};
        const auto appended = storage->Append(messages);
        ASSERT_TRUE(appended.ok()) << appended.status();
        for (size_t i = 0; i < messages.size(); ++i) {
          if (i == 1) continue;
          const Appended& message = (*appended)[i];
          EXPECT_GT(message.seq, last_seq[message.conversation]);
          last_seq[message.conversation] = message.seq;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  const pqxx::result conversations =
      Run("SELECT user_low, user_high, count(*), max(seq), "
          "  bool_and(dense = seq) AS ids_grow "
          "FROM (SELECT conversation_id, seq, row_number() OVER "
          "    (PARTITION BY conversation_id ORDER BY m.id) AS dense "
          "  FROM chatter.messages m) AS numbered "
          "JOIN chatter.conversations c ON c.id = conversation_id "
          "GROUP BY user_low, user_high ORDER BY user_low, user_high");
  std::vector<std::string> found;
  for (const auto& row : conversations) {
    found.push_back(absl::StrCat(row[0].c_str(), " ", row[1].c_str(), " ", row[2].c_str(),
                                 " ", row[3].c_str(), " ", row[4].c_str()));
  }
  EXPECT_THAT(found, ElementsAre("alice bob 400 400 t", "alice carol 50 50 t",
                                 "bob carol 200 200 t"));
}

TEST_F(NumberingTest, ANewConnectionMakesItAskAgain) {
  const std::unique_ptr<Storage> storage = Open();
  EXPECT_EQ(Append(*storage, Make("alice", "bob", "1")).seq, 1);
  EXPECT_EQ(Append(*storage, Make("alice", "bob", "2")).seq, 2);
  // As a crash does it to a server that does not wait for its disk.
  Run("DELETE FROM chatter.messages WHERE seq = 2");
  Run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
      "WHERE application_name = 'chatter'");
  EXPECT_EQ(Append(*storage, Make("alice", "bob", "3")).seq, 2);
}

TEST_F(NumberingTest, ARepeatDoesNotMakeItForgetOtherConversations) {
  const std::unique_ptr<Storage> storage = Open();
  EXPECT_EQ(Append(*storage, Make("alice", "carol", "1")).seq, 1);
  Append(*storage, Make("alice", "bob", "1", "a"));
  EXPECT_TRUE(Append(*storage, Make("alice", "bob", "1", "a")).duplicate);
  // It would be seen if it asked.
  Run("DELETE FROM chatter.messages WHERE client_id = ''");
  EXPECT_EQ(Append(*storage, Make("alice", "carol", "2")).seq, 2);
}

TEST_F(NumberingTest, ForgetsSomeWhenThereAreTooMany) {
  Open();  // makes the tables
  auto target = ParsePostgresUrl(url_);
  CHECK(target.ok()) << target.status();
  target->statement_timeout = absl::Seconds(30);
  Watchdog watchdog;
  const auto connection = Connection::Open(*target, watchdog);
  CHECK(connection.ok()) << connection.status();
  std::vector<std::string> users;
  for (size_t i = 0; i <= NumberedConversations::kMost; ++i) {
    users.push_back(absl::StrCat("user", i));
  }
  std::vector<Names> conversations;
  for (const std::string& user : users) conversations.push_back({"alice", user});
  Numbering numbering;
  const Names last = conversations.back();
  conversations.pop_back();
  ASSERT_TRUE(numbering.Learn(**connection, conversations).ok());
  const int64_t first_id = numbering.At(conversations[0]).id;
  ASSERT_TRUE(numbering.Learn(**connection, {conversations[0], last}).ok());
  EXPECT_EQ(numbering.At(conversations[0]).id, first_id);
  EXPECT_EQ(numbering.At(last).last_seq, 0);
  EXPECT_EQ(numbering.size(), 2u);
}

}  // namespace
}  // namespace chatter::storage::postgres
