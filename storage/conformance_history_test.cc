#include <sqlite3.h>

#include <functional>
#include <limits>
#include <memory>
#include <pqxx/pqxx>
#include <string>
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
using ::testing::SizeIs;

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
  if (IsSqlite()) {
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

}  // namespace
}  // namespace chatter::storage
