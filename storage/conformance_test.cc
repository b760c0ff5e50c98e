// Holds both engines to what storage.h says.
#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <pqxx/pqxx>
#include <set>
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

namespace chatter::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

// Where databases come from.
class Engine {
 public:
  virtual ~Engine() = default;
  // The URL of a new, empty database.
  virtual std::string NewDatabase() = 0;
  // Makes a database one that a later program has migrated.
  virtual void RaiseSchemaVersion(const std::string& url) = 0;
};

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

class ConformanceTest : public ::testing::TestWithParam<const char*> {
 protected:
  // One for all tests of an engine: a server takes a while to start.
  static Engine& engine() {
    static auto& engines = *new std::map<std::string, std::unique_ptr<Engine>>;
    std::unique_ptr<Engine>& engine = engines[GetParam()];
    if (engine == nullptr) {
      if (std::string_view(GetParam()) == "Sqlite") {
        engine = std::make_unique<SqliteEngine>();
      } else {
        engine = std::make_unique<PostgresEngine>();
      }
      static const int registered = std::atexit([] { engines.clear(); });
      EXPECT_EQ(registered, 0);
    }
    return *engine;
  }

  void SetUp() override {
    url_ = engine().NewDatabase();
    Reopen();
  }

  void Reopen() {
    storage_.reset();
    auto storage = Open(url_);
    ASSERT_TRUE(storage.ok()) << storage.status();
    storage_ = *std::move(storage);
  }

  int64_t AddUser(const std::string& name, const std::string& group = "g") {
    const auto user = storage_->CreateUser({name, group});
    EXPECT_TRUE(user.ok()) << user.status();
    return user.ok() ? user->id : 0;
  }

  // Alice and Bob, who are in most tests.
  void AddAliceAndBob() {
    alice_ = AddUser("alice");
    bob_ = AddUser("bob");
  }

  NewMessage FromAlice(std::string_view text) {
    return Make(alice_, "alice", "bob", text);
  }
  NewMessage FromBob(std::string_view text) { return Make(bob_, "bob", "alice", text); }

  NewMessage Make(int64_t sender_id, std::string_view sender, std::string_view recipient,
                  std::string_view text) {
    NewMessage message;
    message.sender_id = sender_id;
    message.sender = sender;
    message.recipient = recipient;
    message.text = text;
    message.created = kStart + absl::Microseconds(++created_);
    return message;
  }

  std::vector<Appended> Append(const std::vector<NewMessage>& messages) {
    const auto appended = storage_->Append(messages);
    EXPECT_TRUE(appended.ok()) << appended.status();
    return appended.ok() ? *appended : std::vector<Appended>(messages.size());
  }

  std::vector<Message> Read(const HistoryQuery& query) {
    const auto messages = storage_->ReadHistory(query);
    EXPECT_TRUE(messages.ok()) << messages.status();
    return messages.ok() ? *messages : std::vector<Message>();
  }

  std::vector<std::string> ReadTexts(const HistoryQuery& query) {
    std::vector<std::string> texts;
    for (const Message& message : Read(query)) texts.push_back(message.text);
    return texts;
  }

  static HistoryQuery Newest(int limit) {
    HistoryQuery query;
    query.user = "alice";
    query.with = "bob";
    query.limit = limit;
    return query;
  }

  // "1" to "count", from Alice to Bob, `batch` at a time.
  std::vector<Appended> AppendNumbers(int count, int batch = 1000) {
    std::vector<Appended> all;
    for (int done = 0; done < count;) {
      std::vector<std::string> texts;
      for (; static_cast<int>(texts.size()) < batch && done < count; ++done) {
        texts.push_back(absl::StrCat(done + 1));
      }
      std::vector<NewMessage> messages;
      for (const std::string& text : texts) messages.push_back(FromAlice(text));
      for (const Appended& each : Append(messages)) all.push_back(each);
    }
    return all;
  }

  std::string url_;
  std::unique_ptr<Storage> storage_;
  int64_t alice_ = 0;
  int64_t bob_ = 0;
  std::atomic<int64_t> created_{0};
};

TokenHash HashOf(uint8_t byte) {
  TokenHash hash;
  hash.fill(byte);
  return hash;
}

// --- The database as a whole ---

TEST_P(ConformanceTest, EpochIsMadeOnceForEachDatabase) {
  const std::string epoch = storage_->epoch();
  EXPECT_THAT(epoch, MatchesRegex("[0-9a-f]{32}"));
  Reopen();
  EXPECT_EQ(storage_->epoch(), epoch);
  url_ = engine().NewDatabase();
  Reopen();
  EXPECT_NE(storage_->epoch(), epoch);
}

TEST_P(ConformanceTest, SeveralMayOpenANewDatabaseAtOnce) {
  const std::string url = engine().NewDatabase();
  std::vector<std::string> epochs(4);
  std::vector<std::thread> threads;
  for (std::string& epoch : epochs) {
    threads.emplace_back([&url, &epoch] {
      const auto storage = Open(url);
      EXPECT_TRUE(storage.ok()) << storage.status();
      if (storage.ok()) epoch = (*storage)->epoch();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(epochs, ::testing::Each(epochs[0]));
  EXPECT_THAT(epochs[0], SizeIs(32));
}

TEST_P(ConformanceTest, RefusesASchemaOfALaterProgram) {
  storage_.reset();
  engine().RaiseSchemaVersion(url_);
  const auto storage = Open(url_);
  EXPECT_TRUE(absl::IsFailedPrecondition(storage.status())) << storage.status();
  EXPECT_THAT(std::string(storage.status().message()), ::testing::HasSubstr("1000"));
}

TEST_P(ConformanceTest, PingsAndTakesCallsOfNothing) {
  EXPECT_TRUE(storage_->Ping().ok());
  EXPECT_GE(storage_->append_lanes(), 1);
  EXPECT_THAT(*storage_->EnsureUsers({}), IsEmpty());
  EXPECT_THAT(*storage_->FindUsers({}), IsEmpty());
  EXPECT_TRUE(storage_->PutTokens({}).ok());
  EXPECT_THAT(*storage_->RedeemTokens({}, kStart), IsEmpty());
  EXPECT_THAT(*storage_->Append({}), IsEmpty());
  EXPECT_TRUE(storage_->RemoveNotifications({}).ok());
  EXPECT_TRUE(storage_->RetryNotifications({}).ok());
}

// --- Users ---

TEST_P(ConformanceTest, ANameIsTakenOnce) {
  const auto user = storage_->CreateUser({"alice", "red"});
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->group, "red");
  EXPECT_TRUE(absl::IsAlreadyExists(storage_->CreateUser({"alice", "blue"}).status()));
  const auto found = storage_->FindUsers(std::vector<std::string>{"alice"});
  ASSERT_TRUE(found.ok() && (*found)[0].has_value());
  EXPECT_EQ((*found)[0]->id, user->id);
  EXPECT_EQ((*found)[0]->group, "red");
}

TEST_P(ConformanceTest, NamesAreComparedByteByByte) {
  const std::vector<std::string> names = {"a", "A", "a ", "ä", "a\u0308", "\"{a},\\"};
  std::set<int64_t> ids;
  for (const std::string& name : names) ids.insert(AddUser(name));
  EXPECT_THAT(ids, SizeIs(names.size()));
  const auto found = storage_->FindUsers(names);
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ((*found)[i]->name, names[i]);
}

TEST_P(ConformanceTest, FindsUsersInTheOrderAsked) {
  AddAliceAndBob();
  const auto found =
      storage_->FindUsers(std::vector<std::string>{"bob", "nobody", "", "alice", "bob"});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(*found, SizeIs(5));
  EXPECT_EQ((*found)[0]->id, bob_);
  EXPECT_FALSE((*found)[1].has_value());
  EXPECT_FALSE((*found)[2].has_value());
  EXPECT_EQ((*found)[3]->id, alice_);
  EXPECT_EQ((*found)[4]->id, bob_);
}

TEST_P(ConformanceTest, EnsuresUsersAndTheirGroups) {
  const int64_t alice = AddUser("alice", "red");
  const auto ensured = storage_->EnsureUsers(
      std::vector<Account>{{"carol", "red"}, {"alice", "blue"}, {"bob", ""}});
  ASSERT_TRUE(ensured.ok()) << ensured.status();
  ASSERT_THAT(*ensured, SizeIs(3));
  EXPECT_EQ((*ensured)[0].name, "carol");
  EXPECT_EQ((*ensured)[1].id, alice);
  EXPECT_EQ((*ensured)[1].group, "blue");
  EXPECT_EQ((*ensured)[2].group, "");
  const auto again =
      storage_->EnsureUsers(std::vector<Account>{{"carol", "red"}, {"carol", "green"}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)[0].id, (*ensured)[0].id);
  EXPECT_EQ((*again)[1].id, (*ensured)[0].id);
  const auto found = storage_->FindUsers(std::vector<std::string>{"carol", "alice"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0]->group, "green");
  EXPECT_EQ((*found)[1]->group, "blue");
}

TEST_P(ConformanceTest, EnsuresTheSameUsersFromManyThreads) {
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> ids(4);
  for (size_t t = 0; t < ids.size(); ++t) {
    threads.emplace_back([this, t, &ids] {
      for (int i = 0; i < 20; ++i) {
        std::vector<Account> accounts;
        for (int k = 0; k < 10; ++k) {
          accounts.push_back({absl::StrCat("u", i, "_", (k * 7 + t) % 10), "g"});
        }
        const auto users = storage_->EnsureUsers(accounts);
        ASSERT_TRUE(users.ok()) << users.status();
        std::map<std::string, int64_t> sorted;
        for (const User& user : *users) sorted[user.name] = user.id;
        for (const auto& [name, id] : sorted) ids[t].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ids, ::testing::Each(ids[0]));
}

TEST_P(ConformanceTest, ListsAGroupByNameInPages) {
  for (const char* const name : {"b", "Z", "a", "ä", "_"}) AddUser(name, "red");
  AddUser("c", "blue");
  const auto names = [&](std::string_view after, int limit) {
    std::vector<std::string> out;
    const auto users = storage_->ListGroup("red", after, limit);
    EXPECT_TRUE(users.ok()) << users.status();
    for (const User& user : *users) {
      EXPECT_EQ(user.group, "red");
      out.push_back(user.name);
    }
    return out;
  };
  EXPECT_THAT(names("", 10), ElementsAre("Z", "_", "a", "b", "ä"));
  EXPECT_THAT(names("", 2), ElementsAre("Z", "_"));
  EXPECT_THAT(names("_", 2), ElementsAre("a", "b"));
  EXPECT_THAT(names("ä", 2), IsEmpty());
}

// --- Tokens ---

TEST_P(ConformanceTest, ATokenIsRedeemedOnce) {
  AddAliceAndBob();
  ASSERT_TRUE(
      storage_
          ->PutTokens(std::vector<Token>{{HashOf(1), alice_, kStart + absl::Minutes(5)},
                                         {HashOf(2), bob_, kStart + absl::Minutes(5)}})
          .ok());
  const auto redeemed = storage_->RedeemTokens(
      std::vector<TokenHash>{HashOf(2), HashOf(3), HashOf(2)}, kStart);
  ASSERT_TRUE(redeemed.ok()) << redeemed.status();
  ASSERT_THAT(*redeemed, SizeIs(3));
  ASSERT_TRUE((*redeemed)[0].has_value());
  EXPECT_EQ((*redeemed)[0]->name, "bob");
  EXPECT_EQ((*redeemed)[0]->id, bob_);
  EXPECT_EQ((*redeemed)[0]->group, "g");
  EXPECT_FALSE((*redeemed)[1].has_value());
  EXPECT_FALSE((*redeemed)[2].has_value());
  EXPECT_FALSE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(2)}, kStart))[0]
                   .has_value());
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(1)}, kStart))[0]
                  .has_value());
}

TEST_P(ConformanceTest, ATokenExpiresAtItsTime) {
  AddAliceAndBob();
  const absl::Time expires = kStart + absl::Minutes(5);
  ASSERT_TRUE(storage_
                  ->PutTokens(std::vector<Token>{{HashOf(1), alice_, expires},
                                                 {HashOf(2), alice_, expires}})
                  .ok());
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(1)},
                                       expires - absl::Microseconds(1)))[0]
                  .has_value());
  EXPECT_FALSE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(2)}, expires))[0]
                   .has_value());
}

TEST_P(ConformanceTest, DeletesExpiredTokensUpToALimit) {
  AddAliceAndBob();
  std::vector<Token> tokens;
  for (uint8_t i = 0; i < 5; ++i) {
    tokens.push_back({HashOf(i), alice_, kStart + absl::Seconds(i)});
  }
  ASSERT_TRUE(storage_->PutTokens(tokens).ok());
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 3);
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 1);
  EXPECT_EQ(*storage_->DeleteExpiredTokens(kStart + absl::Seconds(3), 3), 0);
  EXPECT_TRUE((*storage_->RedeemTokens(std::vector<TokenHash>{HashOf(4)}, kStart))[0]
                  .has_value());
}

TEST_P(ConformanceTest, ATokenGoesToOneOfManyWhoAsk) {
  AddAliceAndBob();
  std::vector<Token> tokens;
  std::vector<TokenHash> hashes;
  for (uint8_t i = 0; i < 50; ++i) {
    hashes.push_back(HashOf(i));
    tokens.push_back({HashOf(i), alice_, kStart + absl::Minutes(5)});
  }
  ASSERT_TRUE(storage_->PutTokens(tokens).ok());
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < hashes.size(); ++i) {
        const size_t which = (i + static_cast<size_t>(t) * 11) % hashes.size();
        const auto redeemed =
            storage_->RedeemTokens(std::vector<TokenHash>{hashes[which]}, kStart);
        ASSERT_TRUE(redeemed.ok()) << redeemed.status();
        if ((*redeemed)[0].has_value()) ++taken;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 50);
}

// --- Appending ---

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

// --- History ---

TEST_P(ConformanceTest, ReadsTheNewestOldestFirst) {
  AddAliceAndBob();
  AppendNumbers(5);
  EXPECT_THAT(ReadTexts(Newest(3)), ElementsAre("3", "4", "5"));
  EXPECT_THAT(ReadTexts(Newest(100)), ElementsAre("1", "2", "3", "4", "5"));
  EXPECT_THAT(ReadTexts(Newest(0)), IsEmpty());
  HistoryQuery other_way;
  other_way.user = "bob";
  other_way.with = "alice";
  other_way.limit = 2;
  EXPECT_THAT(ReadTexts(other_way), ElementsAre("4", "5"));
}

TEST_P(ConformanceTest, AConversationThatIsNotThereIsEmpty) {
  AddAliceAndBob();
  EXPECT_THAT(Read(Newest(10)), IsEmpty());
  HistoryQuery unknown = Newest(10);
  unknown.with = "nobody";
  EXPECT_THAT(Read(unknown), IsEmpty());
}

TEST_P(ConformanceTest, BoundsAreExclusive) {
  AddAliceAndBob();
  const std::vector<Appended> numbers = AppendNumbers(9);
  HistoryQuery before = Newest(2);
  before.before_seq = 5;
  EXPECT_THAT(ReadTexts(before), ElementsAre("3", "4"));
  before.before_seq = 1;
  EXPECT_THAT(ReadTexts(before), IsEmpty());
  before.before_seq = -5;
  EXPECT_THAT(ReadTexts(before), IsEmpty());
  before.before_seq = 1000;
  EXPECT_THAT(ReadTexts(before), ElementsAre("8", "9"));

  HistoryQuery after = Newest(2);
  after.after_seq = 0;
  EXPECT_THAT(ReadTexts(after), ElementsAre("1", "2"));
  after.after_seq = 7;
  EXPECT_THAT(ReadTexts(after), ElementsAre("8", "9"));
  after.after_seq = 8;
  EXPECT_THAT(ReadTexts(after), ElementsAre("9"));
  after.after_seq = 9;
  EXPECT_THAT(ReadTexts(after), IsEmpty());

  HistoryQuery before_id = Newest(2);
  for (size_t i = 0; i < numbers.size(); ++i) {
    before_id.before_id = numbers[i].id;
    const auto texts = ReadTexts(before_id);
    if (i == 0) {
      EXPECT_THAT(texts, IsEmpty());
    } else {
      EXPECT_EQ(texts.back(), absl::StrCat(i));
    }
  }
  before_id.before_id = 0;
  EXPECT_THAT(ReadTexts(before_id), IsEmpty());
  before_id.before_id = (int64_t{1} << 53);
  EXPECT_THAT(ReadTexts(before_id), ElementsAre("8", "9"));
}

TEST_P(ConformanceTest, BeforeIdNeedNotBeOfTheConversation) {
  AddAliceAndBob();
  const int64_t carol = AddUser("carol");
  HistoryQuery query = Newest(10);
  Append({FromAlice("1")});
  const int64_t other = Append({Make(carol, "carol", "bob", "x")})[0].id;
  Append({FromAlice("2")});
  query.before_id = other;
  EXPECT_THAT(ReadTexts(query), ElementsAre("1"));
}

TEST_P(ConformanceTest, SkipLeavesOutTheNewest) {
  AddAliceAndBob();
  const std::vector<Appended> numbers = AppendNumbers(9);
  HistoryQuery query = Newest(2);
  query.skip = 3;
  EXPECT_THAT(ReadTexts(query), ElementsAre("5", "6"));
  query.skip = 8;
  EXPECT_THAT(ReadTexts(query), ElementsAre("1"));
  query.skip = 9;
  EXPECT_THAT(ReadTexts(query), IsEmpty());
  query.skip = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(ReadTexts(query), IsEmpty());
  query.skip = 1;
  query.before_seq = 5;
  EXPECT_THAT(ReadTexts(query), ElementsAre("2", "3"));
  query.before_seq.reset();
  query.before_id = numbers[4].id;
  EXPECT_THAT(ReadTexts(query), ElementsAre("2", "3"));
}

// What reading a page costs in rows, with the engine's own counters.
class ScanCounter {
 public:
  virtual ~ScanCounter() = default;
  // Rows read, and the sorts made, while `read` ran.
  struct Cost {
    int64_t rows = 0;
    int64_t sorts = 0;
  };
  virtual Cost Measure(const std::string& url,
                       const std::function<void(Storage&)>& read) = 0;
};

// Watches every statement of every connection that is opened while it lives.
class SqliteScanCounter : public ScanCounter {
 public:
  Cost Measure(const std::string& url,
               const std::function<void(Storage&)>& read) override {
    cost() = {};
    sqlite3_auto_extension(reinterpret_cast<void (*)()>(&Watch));
    {
      auto storage = Open(url);
      cost() = {};  // of opening
      read(**storage);
    }
    sqlite3_cancel_auto_extension(reinterpret_cast<void (*)()>(&Watch));
    return cost();
  }

 private:
  static Cost& cost() {
    static Cost cost;
    return cost;
  }
  static int Watch(sqlite3* db, char**, const void*) {
    return sqlite3_trace_v2(db, SQLITE_TRACE_PROFILE | SQLITE_TRACE_ROW, &OnTrace,
                            nullptr);
  }
  static int OnTrace(unsigned event, void*, void* statement, void*) {
    auto* const done = static_cast<sqlite3_stmt*>(statement);
    if (event == SQLITE_TRACE_ROW) {
      ++cost().rows;
    } else {
      cost().sorts += sqlite3_stmt_status(done, SQLITE_STMTSTATUS_SORT, 1);
      // Steps of a scan that no index bounds.
      cost().rows += sqlite3_stmt_status(done, SQLITE_STMTSTATUS_FULLSCAN_STEP, 1);
    }
    return 0;
  }
};

// A session's counters are complete once it has ended. Rows that a sort would take are
// rows read.
class PostgresScanCounter : public ScanCounter {
 public:
  Cost Measure(const std::string& url,
               const std::function<void(Storage&)>& read) override {
    pqxx::connection connection(url);
    pqxx::nontransaction transaction(connection);
    transaction.exec("VACUUM ANALYZE chatter.messages");
    const auto rows_read = [&] {
      // Our own storage's sessions only.
      while (transaction
                 .exec("SELECT FROM pg_stat_activity WHERE datname = current_database() "
                       "AND application_name = 'chatter'")
                 .size() > 0) {
      }
      transaction.exec("SELECT pg_stat_clear_snapshot()");
      return transaction
          .exec(
              "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables "
              "WHERE schemaname = 'chatter' AND relname = 'messages'")[0][0]
          .as<int64_t>();
    };
    const int64_t before = rows_read();
    {
      auto storage = Open(url);
      read(**storage);
    }
    return {rows_read() - before, 0};
  }
};

TEST_P(ConformanceTest, APageCostsItsOwnRowsWhereverItIs) {
  constexpr int kMessages = 20'000;
  constexpr int kPage = 10;
  // A binary search for an id, and the page.
  constexpr int kMostRows = 3 * kPage + 20;
  AddAliceAndBob();
  const std::vector<Appended> numbers = AppendNumbers(kMessages);
  storage_.reset();
  std::unique_ptr<ScanCounter> counter;
  if (std::string_view(GetParam()) == "Sqlite") {
    counter = std::make_unique<SqliteScanCounter>();
  } else {
    counter = std::make_unique<PostgresScanCounter>();
  }
  std::vector<HistoryQuery> queries(5, Newest(kPage));
  queries[1].before_seq = kMessages / 2;
  queries[2].before_id = numbers[kMessages / 2].id;
  queries[3].after_seq = kMessages / 2;
  queries[4].skip = kMessages / 2;
  for (const HistoryQuery& query : queries) {
    const auto cost = counter->Measure(url_, [&](Storage& storage) {
      const auto page = storage.ReadHistory(query);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_THAT(*page, SizeIs(kPage));
    });
    EXPECT_GE(cost.rows, kPage);
    EXPECT_LE(cost.rows, kMostRows);
    EXPECT_EQ(cost.sorts, 0);
  }
}

// --- The outbox ---

TEST_P(ConformanceTest, ClaimsWhatIsDueOldestFirst) {
  AddAliceAndBob();
  std::vector<NewMessage> messages = {FromAlice("later"), FromBob("now"),
                                      FromAlice("none"), FromAlice("soon")};
  messages[0].notify_due = kStart + absl::Seconds(10);
  messages[1].notify_due = kStart;
  messages[3].notify_due = kStart + absl::Seconds(1);
  const std::vector<Appended> appended = Append(messages);

  const auto claim = [&](absl::Duration after, int limit) {
    const auto claimed =
        storage_->ClaimNotifications(kStart + after, absl::Minutes(1), limit);
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return *claimed;
  };
  EXPECT_THAT(claim(-absl::Microseconds(1), 10), IsEmpty());
  std::vector<Notification> claimed = claim(absl::Seconds(1), 10);
  ASSERT_THAT(claimed, SizeIs(2));
  EXPECT_EQ(claimed[0].text, "now");
  EXPECT_EQ(claimed[0].sender, "bob");
  EXPECT_EQ(claimed[0].key.recipient, "alice");
  EXPECT_EQ(claimed[0].key.conversation, appended[1].conversation);
  EXPECT_EQ(claimed[0].key.seq, appended[1].seq);
  EXPECT_EQ(claimed[0].created, messages[1].created);
  EXPECT_EQ(claimed[0].attempts, 0);
  EXPECT_EQ(claimed[1].text, "soon");
  // Not again while the lease lasts.
  EXPECT_THAT(claim(absl::Seconds(30), 1),
              ElementsAre(::testing::Field(&Notification::text, "later")));
  EXPECT_THAT(claim(absl::Seconds(60), 10), IsEmpty());
  EXPECT_THAT(claim(absl::Seconds(61), 10), SizeIs(2));
}

TEST_P(ConformanceTest, RemovesAndRetriesNotifications) {
  AddAliceAndBob();
  std::vector<NewMessage> messages = {FromAlice("1"), FromAlice("2"), FromAlice("3")};
  for (NewMessage& message : messages) message.notify_due = kStart;
  Append(messages);
  auto claimed = *storage_->ClaimNotifications(kStart, absl::Minutes(1), 10);
  ASSERT_THAT(claimed, SizeIs(3));
  const NotificationKey unknown{claimed[0].key.conversation, 99, "bob"};
  EXPECT_TRUE(
      storage_->RemoveNotifications(std::vector<NotificationKey>{claimed[0].key, unknown})
          .ok());
  EXPECT_TRUE(
      storage_
          ->RetryNotifications(std::vector<NotificationRetry>{
              {claimed[1].key, 3, kStart + absl::Seconds(5)}, {unknown, 1, kStart}})
          .ok());
  Reopen();
  claimed =
      *storage_->ClaimNotifications(kStart + absl::Seconds(5), absl::Minutes(1), 10);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].text, "2");
  EXPECT_EQ(claimed[0].attempts, 3);
  claimed = *storage_->ClaimNotifications(kStart + absl::Hours(1), absl::Minutes(1), 10);
  EXPECT_THAT(claimed, SizeIs(2));
}

TEST_P(ConformanceTest, TwoProcessesNeverClaimTheSameNotification) {
  AddAliceAndBob();
  constexpr int kMessages = 200;
  std::vector<NewMessage> messages;
  for (int i = 0; i < kMessages; ++i) {
    messages.push_back(FromAlice("x"));
    messages.back().notify_due = kStart;
  }
  Append(messages);
  auto other = Open(url_);
  ASSERT_TRUE(other.ok()) << other.status();
  std::vector<std::vector<int64_t>> seqs(2);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      Storage& storage = t == 0 ? *storage_ : **other;
      while (true) {
        const auto claimed = storage.ClaimNotifications(kStart, absl::Minutes(1), 7);
        ASSERT_TRUE(claimed.ok()) << claimed.status();
        // The other one may hold all that is left.
        if (claimed->empty()) return;
        for (const Notification& each : *claimed) seqs[t].push_back(each.key.seq);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all(seqs[0].begin(), seqs[0].end());
  all.insert(seqs[1].begin(), seqs[1].end());
  EXPECT_THAT(all, SizeIs(kMessages));
  EXPECT_EQ(seqs[0].size() + seqs[1].size(), size_t{kMessages});
}

INSTANTIATE_TEST_SUITE_P(Engines, ConformanceTest,
                         ::testing::Values("Sqlite", "Postgres"),
                         [](const auto& info) { return std::string(info.param); });

// --- Errors of URLs ---

TEST(OpenTest, RefusesOtherUrls) {
  for (const char* const url : {"", "chatter.db", "sqlite:", "mysql://host/db",
                                "postgres:", "postgres://user:secret%zz@host/db"}) {
    const auto storage = Open(url);
    EXPECT_TRUE(absl::IsInvalidArgument(storage.status())) << url << storage.status();
    EXPECT_THAT(std::string(storage.status().message()),
                Not(::testing::HasSubstr("secret")));
  }
}

TEST(OpenTest, SaysThatAFileCannotBeOpened) {
  EXPECT_TRUE(absl::IsUnavailable(Open("sqlite:/nowhere/at/all.db").status()));
}

}  // namespace
}  // namespace chatter::storage
