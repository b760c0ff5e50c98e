#include <map>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

TEST_P(ConformanceTest, SeqIsDenseInAConversationAndIdsGrowWithIt) {
  AddAliceAndBob();
  const int64_t carol = AddUser("carol");
  const std::vector<Appended> first =
      Append({FromAlice("1"), Make(carol, "carol", "alice", "x"), FromBob("2"),
              Make(alice_, "alice", "alice", "note"), FromAlice("3")});
  const std::vector<Appended> second =
      Append({Make(alice_, "alice", "carol", "y"), FromBob("4")});
  EXPECT_EQ(first[0].conversation, first[2].conversation);
  EXPECT_EQ(first[0].conversation, first[4].conversation);
  EXPECT_EQ(first[0].conversation, second[1].conversation);
  EXPECT_EQ(first[1].conversation, second[0].conversation);
  EXPECT_NE(first[0].conversation, first[1].conversation);
  EXPECT_NE(first[0].conversation, first[3].conversation);
  EXPECT_EQ(first[0].seq, 1);
  EXPECT_EQ(first[2].seq, 2);
  EXPECT_EQ(first[4].seq, 3);
  EXPECT_EQ(second[1].seq, 4);
  EXPECT_EQ(first[1].seq, 1);
  EXPECT_EQ(second[0].seq, 2);
  EXPECT_EQ(first[3].seq, 1);
  EXPECT_LT(first[0].id, first[2].id);
  EXPECT_LT(first[2].id, first[4].id);
  EXPECT_LT(first[4].id, second[1].id);
  EXPECT_LT(first[1].id, second[0].id);
  std::set<int64_t> ids;
  for (const auto& results : {first, second}) {
    for (const Appended& each : results) {
      ids.insert(each.id);
      EXPECT_FALSE(each.duplicate);
      EXPECT_GT(each.id, 0);
      EXPECT_LT(each.id, int64_t{1} << 53);
    }
  }
  EXPECT_THAT(ids, SizeIs(7));
}

TEST_P(ConformanceTest, KeepsEveryTextAsItIs) {
  AddAliceAndBob();
  const std::vector<std::string> texts = {"",          "NULL",
                                          "{}",        "\"quoted\" \\ back\\\\slash",
                                          "a,b{c}d;e", "line\nline\r\t",
                                          "'; --",     "ünïcödé 🙂 \u202e",
                                          "\x01\x7f",  std::string(65536, 'x')};
  std::vector<NewMessage> messages;
  for (const std::string& text : texts) {
    messages.push_back(FromAlice(text));
    messages.back().image_path = std::string_view(text).substr(0, 2048);
    messages.back().client_id = std::string_view(text).substr(0, 64);
  }
  const std::vector<Appended> appended = Append(messages);
  Reopen();
  const std::vector<Message> history = Read(Newest(100));
  ASSERT_THAT(history, SizeIs(texts.size()));
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(history[i].text, texts[i]);
    EXPECT_EQ(history[i].image_path, texts[i].substr(0, 2048));
    EXPECT_EQ(history[i].client_id, texts[i].substr(0, 64));
    EXPECT_EQ(history[i].sender, "alice");
    EXPECT_EQ(history[i].recipient, "bob");
    EXPECT_EQ(history[i].conversation, appended[i].conversation);
    EXPECT_EQ(history[i].seq, appended[i].seq);
    EXPECT_EQ(history[i].id, appended[i].id);
    EXPECT_EQ(history[i].created, messages[i].created);
    EXPECT_EQ(appended[i].created, messages[i].created);
  }
}

TEST_P(ConformanceTest, AClientIdIsStoredOnce) {
  AddAliceAndBob();
  const int64_t carol = AddUser("carol");
  const auto named = [](NewMessage message, std::string_view client_id) {
    message.client_id = client_id;
    message.notify_due = kStart;
    return message;
  };
  const std::vector<Appended> first =
      Append({named(FromAlice("1"), "a"), named(FromAlice("again"), "a"),
              named(FromBob("2"), "a"), named(FromAlice("3"), "b")});
  EXPECT_FALSE(first[0].duplicate);
  EXPECT_TRUE(first[1].duplicate);
  EXPECT_EQ(first[1].id, first[0].id);
  EXPECT_EQ(first[1].seq, first[0].seq);
  EXPECT_EQ(first[1].created, first[0].created);
  // The names of another sender are others.
  EXPECT_FALSE(first[2].duplicate);
  EXPECT_EQ(first[2].seq, 2);
  EXPECT_EQ(first[3].seq, 3);
  // Also when it now goes to somebody else.
  const std::vector<Appended> second =
      Append({named(FromAlice("4"), "c"),
              named(Make(alice_, "alice", "carol", "elsewhere"), "b"),
              named(Make(carol, "carol", "alice", "5"), "b"), FromAlice("6")});
  EXPECT_FALSE(second[0].duplicate);
  EXPECT_EQ(second[0].seq, 4);
  EXPECT_TRUE(second[1].duplicate);
  EXPECT_EQ(second[1].id, first[3].id);
  EXPECT_EQ(second[1].conversation, first[3].conversation);
  EXPECT_EQ(second[1].created, first[3].created);
  EXPECT_FALSE(second[2].duplicate);
  EXPECT_EQ(second[2].seq, 1);
  EXPECT_EQ(second[3].seq, 5);
  EXPECT_THAT(ReadTexts(Newest(10)), ElementsAre("1", "2", "3", "4", "6"));
  // One notification for each that was stored.
  EXPECT_THAT(*storage_->ClaimNotifications(kStart, absl::Minutes(1), 100), SizeIs(5));
}

TEST_P(ConformanceTest, ABatchOfDuplicatesStoresNothing) {
  AddAliceAndBob();
  NewMessage message = FromAlice("1");
  message.client_id = "a";
  const Appended first = Append({message})[0];
  const Appended again = Append({message})[0];
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.id, first.id);
  EXPECT_EQ(Append({FromAlice("2")})[0].seq, 2);
}

TEST_P(ConformanceTest, ManyAppendersKeepEveryConversationDense) {
  constexpr int kUsers = 4;
  constexpr int kBatches = 25;
  constexpr int kBatch = 20;
  std::vector<int64_t> ids;
  std::vector<std::string> names;
  for (int i = 0; i < kUsers; ++i) {
    names.push_back(absl::StrCat("user", i));
    ids.push_back(AddUser(names.back()));
  }
  std::vector<std::vector<std::pair<std::string, Appended>>> results(kUsers);
  std::vector<std::thread> threads;
  for (int t = 0; t < kUsers; ++t) {
    threads.emplace_back([&, t] {
      const auto self = static_cast<size_t>(t);
      for (int b = 0; b < kBatches; ++b) {
        std::vector<std::string> texts;
        for (int i = 0; i < kBatch; ++i) texts.push_back(absl::StrCat(t, ".", b, ".", i));
        std::vector<NewMessage> messages;
        for (int i = 0; i < kBatch; ++i) {
          // Everybody to everybody, in an order of their own.
          const auto to = static_cast<size_t>((i * (t + 1) + b) % kUsers);
          messages.push_back(
              Make(ids[self], names[self], names[to], texts[static_cast<size_t>(i)]));
        }
        const auto appended = storage_->Append(messages);
        ASSERT_TRUE(appended.ok()) << appended.status();
        for (size_t i = 0; i < messages.size(); ++i) {
          results[self].push_back({texts[i], (*appended)[i]});
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  std::map<int64_t, std::map<int64_t, std::pair<int64_t, std::string>>> conversations;
  for (const auto& sent : results) {
    std::map<int64_t, int64_t> last_seq;
    for (const auto& [text, appended] : sent) {
      // In the sender's order.
      EXPECT_GT(appended.seq, last_seq[appended.conversation]);
      last_seq[appended.conversation] = appended.seq;
      conversations[appended.conversation][appended.seq] = {appended.id, text};
    }
  }
  size_t total = 0;
  for (const auto& [conversation, messages] : conversations) {
    total += messages.size();
    int64_t seq = 0, id = 0;
    for (const auto& [each_seq, id_and_text] : messages) {
      EXPECT_EQ(each_seq, ++seq);
      EXPECT_GT(id_and_text.first, id);
      id = id_and_text.first;
    }
  }
  EXPECT_EQ(total, size_t{kUsers * kBatches * kBatch});
  for (size_t a = 0; a < kUsers; ++a) {
    for (size_t b = a; b < kUsers; ++b) {
      HistoryQuery query;
      query.user = names[a];
      query.with = names[b];
      query.limit = 10'000;
      const std::vector<Message> history = Read(query);
      ASSERT_THAT(history, Not(IsEmpty()));
      const auto& messages = conversations[history[0].conversation];
      ASSERT_THAT(history, SizeIs(messages.size()));
      for (const Message& message : history) {
        EXPECT_EQ(message.text, messages.at(message.seq).second);
      }
    }
  }
}

TEST_P(ConformanceTest, TwoProcessesNumberTheSameConversations) {
  AddAliceAndBob();
  auto other = Open(url_);
  ASSERT_TRUE(other.ok()) << other.status();
  int64_t seq = 0, id = 0;
  for (const int turn : {0, 0, 1, 1, 0, 1, 0, 0, 1}) {
    Storage& storage = turn == 0 ? *storage_ : **other;
    const auto appended = storage.Append(std::vector<NewMessage>{
        FromAlice("1"), Make(bob_, "bob", "bob", "note"), FromBob("2")});
    ASSERT_TRUE(appended.ok()) << appended.status();
    for (const size_t i : {0, 2}) {
      EXPECT_EQ((*appended)[i].conversation, (*appended)[0].conversation);
      EXPECT_EQ((*appended)[i].seq, ++seq);
      EXPECT_GT((*appended)[i].id, id);
      id = (*appended)[i].id;
    }
    EXPECT_EQ((*appended)[1].seq * 2, seq);
  }
  EXPECT_THAT(Read(Newest(100)), SizeIs(18));
}

TEST_P(ConformanceTest, AClientIdSentByManyAtOnceIsStoredOnce) {
  AddAliceAndBob();
  AddUser("carol");
  constexpr int kThreads = 4;
  std::vector<std::vector<Appended>> results(kThreads);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 50; ++i) {
        const std::string a = absl::StrCat("a", i), b = absl::StrCat("b", i);
        NewMessage to_bob = FromAlice("to bob");
        NewMessage to_carol = Make(alice_, "alice", "carol", "to carol");
        // In opposite orders, in conversations of their own.
        to_bob.client_id = t % 2 == 0 ? a : b;
        to_carol.client_id = t % 2 == 0 ? b : a;
        const auto appended = storage_->Append(std::vector<NewMessage>{to_bob, to_carol});
        ASSERT_TRUE(appended.ok()) << appended.status();
        results[t].push_back((*appended)[t % 2]);
        results[t].push_back((*appended)[1 - t % 2]);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> ids;
  for (size_t i = 0; i < results[0].size(); ++i) {
    int stored = 0;
    for (const auto& each : results) {
      EXPECT_EQ(each[i].id, results[0][i].id);
      stored += each[i].duplicate ? 0 : 1;
    }
    EXPECT_EQ(stored, 1);
    ids.insert(results[0][i].id);
  }
  EXPECT_THAT(ids, SizeIs(100));
}

}  // namespace
}  // namespace chatter::storage
