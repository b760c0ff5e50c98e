#include "storage/sqlite/wal_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>

#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/testing/sqlite_disk.h"

namespace chatter::storage::sqlite {
namespace {

class WalVfsTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { SqliteDisk::Install(); }

  WalVfsTest() {
    std::string folder = ::testing::TempDir() + "/wal-XXXXXX";
    PCHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    writer_ = Open("test.db");
    EXPECT_EQ(Run(writer_, "CREATE TABLE t (x BLOB)"), SQLITE_OK);
    SqliteDisk::Watch([this](SqliteDisk::Call call, sqlite3_int64) {
      if (call != SqliteDisk::Call::kWriteLog) return SQLITE_OK;
      ++log_writes_;
      return is_full_ ? SQLITE_FULL : SQLITE_OK;
    });
  }
  ~WalVfsTest() override {
    SqliteDisk::Watch(nullptr);
    sqlite3_close(writer_);
    std::filesystem::remove_all(folder_);
  }

  sqlite3* Open(const std::string& file) {
    sqlite3* db = nullptr;
    EXPECT_EQ(sqlite3_open_v2((folder_ + "/" + file).c_str(), &db,
                              SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, WalVfs()),
              SQLITE_OK);
    EXPECT_EQ(Run(db, "PRAGMA synchronous = FULL; PRAGMA journal_mode = WAL"), SQLITE_OK);
    return db;
  }

  static int Run(sqlite3* db, const std::string& sql) {
    return sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr);
  }

  int Checkpoint() { return sqlite3_wal_checkpoint(writer_, "main"); }

  // The rows, when all pages are as they should be.
  static int CountRows(sqlite3* db) {
    int count = -1;
    sqlite3_exec(
        db,
        "SELECT (SELECT count(*) FROM t) FROM pragma_integrity_check "
        "WHERE integrity_check = 'ok'",
        [](void* out, int, char** values, char**) {
          *static_cast<int*>(out) = std::stoi(values[0]);
          return 0;
        },
        &count, nullptr);
    return count;
  }

  // What a crash at this moment leaves.
  int CountRowsAfterCrash() {
    for (const char* const suffix : {"", "-wal"}) {
      std::filesystem::copy_file(folder_ + "/test.db" + suffix,
                                 folder_ + "/crashed.db" + suffix,
                                 std::filesystem::copy_options::overwrite_existing);
    }
    sqlite3* const db = Open("crashed.db");
    const int count = CountRows(db);
    sqlite3_close(db);
    return count;
  }

  // Of two pages each.
  static std::string Insert(int rows) {
    return "INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 "
           "FROM n WHERE i < " +
           std::to_string(rows) + ") SELECT randomblob(8000) FROM n";
  }

  std::string folder_;
  sqlite3* writer_ = nullptr;
  int log_writes_ = 0;
  bool is_full_ = false;  // for the log
};

TEST_F(WalVfsTest, WhatIsCommittedIsWrittenAndEverybodySeesIt) {
  sqlite3* const reader = Open("test.db");
  for (int rows = 1; rows <= 20; ++rows) {
    ASSERT_EQ(Run(writer_, Insert(1)), SQLITE_OK);
    EXPECT_EQ(CountRows(reader), rows);
    EXPECT_EQ(CountRowsAfterCrash(), rows);
  }
  sqlite3_close(reader);
}

TEST_F(WalVfsTest, WritesManyPagesAtOnce) {
  ASSERT_EQ(Run(writer_, Insert(100)), SQLITE_OK);
  EXPECT_GT(log_writes_, 0);
  EXPECT_LT(log_writes_, 30);
  EXPECT_EQ(CountRowsAfterCrash(), 100);
}

TEST_F(WalVfsTest, TheLogGrowsSeldom) {
  const std::string log = folder_ + "/test.db-wal";
  int growths = 0;
  for (int i = 0; i < 100; ++i) {
    const auto before = std::filesystem::file_size(log);
    ASSERT_EQ(Run(writer_, Insert(1)), SQLITE_OK);
    if (std::filesystem::file_size(log) != before) ++growths;
  }
  EXPECT_LE(growths, 2);  // by 1 MiB each; they have written 1.6 MB
  EXPECT_EQ(CountRowsAfterCrash(), 100);
}

TEST_F(WalVfsTest, ATransactionLargerThanTheCacheReadsItsOwnPages) {
  ASSERT_EQ(Run(writer_, "PRAGMA cache_size = 10"), SQLITE_OK);
  ASSERT_EQ(Run(writer_, "BEGIN"), SQLITE_OK);
  for (int i = 1; i <= 5; ++i) {
    ASSERT_EQ(Run(writer_, Insert(50)), SQLITE_OK);
    EXPECT_EQ(CountRows(writer_), 50 * i);
    // Changes pages that are in the log already.
    ASSERT_EQ(Run(writer_, "UPDATE t SET x = randomblob(8000) WHERE rowid % 7 = 0"),
              SQLITE_OK);
  }
  EXPECT_EQ(CountRowsAfterCrash(), 0);
  ASSERT_EQ(Run(writer_, "COMMIT"), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 250);
  EXPECT_EQ(CountRowsAfterCrash(), 250);
}

TEST_F(WalVfsTest, WhatIsRolledBackIsGone) {
  ASSERT_EQ(Run(writer_, "PRAGMA cache_size = 10"), SQLITE_OK);
  ASSERT_EQ(Run(writer_, "BEGIN;" + Insert(50) + "; ROLLBACK"), SQLITE_OK);
  ASSERT_EQ(Run(writer_, Insert(3)), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 3);
  EXPECT_EQ(CountRowsAfterCrash(), 3);
}

TEST_F(WalVfsTest, WhatIsRolledBackStaysOutOfWhatOthersCommit) {
  sqlite3* const other = Open("test.db");
  ASSERT_EQ(Run(writer_, "PRAGMA cache_size = 10"), SQLITE_OK);
  // Then a rollback reads nothing from the log.
  ASSERT_EQ(Run(writer_, "PRAGMA wal_checkpoint(TRUNCATE)"), SQLITE_OK);
  ASSERT_EQ(Run(writer_, "BEGIN;" + Insert(20) + "; ROLLBACK"), SQLITE_OK);
  ASSERT_EQ(Run(other, Insert(40)), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 40);
  EXPECT_EQ(CountRowsAfterCrash(), 40);
  sqlite3_close(other);
}

TEST_F(WalVfsTest, WhatCouldNotBeWrittenStaysOutOfWhatOthersCommit) {
  sqlite3* const other = Open("test.db");
  is_full_ = true;
  EXPECT_EQ(Run(writer_, Insert(2)), SQLITE_FULL);
  is_full_ = false;
  ASSERT_EQ(Run(other, Insert(3)), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 3);
  EXPECT_EQ(CountRowsAfterCrash(), 3);
  ASSERT_EQ(Run(writer_, Insert(1)), SQLITE_OK);
  EXPECT_EQ(CountRows(other), 4);
  EXPECT_EQ(CountRowsAfterCrash(), 4);
  sqlite3_close(other);
}

TEST_F(WalVfsTest, WhatCouldNotBeWrittenIsNotWrittenLater) {
  ASSERT_EQ(Run(writer_, Insert(3)), SQLITE_OK);
  is_full_ = true;
  EXPECT_EQ(Run(writer_, Insert(1)), SQLITE_FULL);
  is_full_ = false;
  EXPECT_EQ(Run(writer_, "PRAGMA wal_checkpoint"), SQLITE_OK);
  EXPECT_EQ(CountRowsAfterCrash(), 3);
}

TEST_F(WalVfsTest, ACommitThatIsNotWrittenFails) {
  ASSERT_EQ(Run(writer_, Insert(3)), SQLITE_OK);
  is_full_ = true;
  EXPECT_EQ(Run(writer_, Insert(1)), SQLITE_FULL);
  EXPECT_EQ(CountRowsAfterCrash(), 3);
  is_full_ = false;
  EXPECT_EQ(CountRows(writer_), 3);
  ASSERT_EQ(Run(writer_, Insert(2)), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 5);
  EXPECT_EQ(CountRowsAfterCrash(), 5);
}

TEST_F(WalVfsTest, ATransactionEndsWhenAPageCannotBeWritten) {
  ASSERT_EQ(Run(writer_, "PRAGMA cache_size = 10"), SQLITE_OK);
  ASSERT_EQ(Run(writer_, "BEGIN;" + Insert(20)), SQLITE_OK);
  is_full_ = true;
  EXPECT_EQ(CountRows(writer_), -1);
  EXPECT_NE(sqlite3_get_autocommit(writer_), 0);
  is_full_ = false;
  ASSERT_EQ(Run(writer_, Insert(2)), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 2);
  EXPECT_EQ(CountRowsAfterCrash(), 2);
}

TEST_F(WalVfsTest, TheDatabaseIsSyncedLittleByLittle) {
  ASSERT_EQ(Run(writer_, Insert(400)), SQLITE_OK);
  int syncs = 0;
  sqlite3_int64 pages = 0, most_pages = 0;
  SqliteDisk::Watch([&](SqliteDisk::Call call, sqlite3_int64) {
    if (call == SqliteDisk::Call::kWriteDatabase)
      most_pages = std::max(most_pages, ++pages);
    if (call == SqliteDisk::Call::kSyncDatabase) {
      ++syncs;
      pages = 0;
    }
    return SQLITE_OK;
  });
  ASSERT_EQ(Run(writer_, "PRAGMA wal_checkpoint"), SQLITE_OK);
  EXPECT_EQ(syncs, 4);         // of 3.2 MB
  EXPECT_EQ(most_pages, 256);  // of 4 KiB
  EXPECT_EQ(CountRows(writer_), 400);
}

// The system says once that it could not write, and may have forgotten what.
TEST_F(WalVfsTest, AfterASyncThatFailedTheLogIsKept) {
  ASSERT_EQ(Run(writer_, Insert(3)), SQLITE_OK);
  bool fails = true;
  int begun_anew = 0;
  SqliteDisk::Watch([&](SqliteDisk::Call call, sqlite3_int64 offset) {
    if (call == SqliteDisk::Call::kWriteLog && offset == 0) ++begun_anew;
    return call == SqliteDisk::Call::kSyncDatabase && fails ? SQLITE_IOERR_FSYNC
                                                            : SQLITE_OK;
  });
  EXPECT_EQ(Checkpoint(), SQLITE_IOERR);
  fails = false;
  EXPECT_EQ(Checkpoint(), SQLITE_IOERR);
  ASSERT_EQ(Run(writer_, Insert(1)), SQLITE_OK);
  EXPECT_EQ(Checkpoint(), SQLITE_IOERR);
  ASSERT_EQ(Run(writer_, Insert(1)), SQLITE_OK);
  EXPECT_EQ(begun_anew, 0);
  sqlite3_close(writer_);
  writer_ = Open("test.db");
  EXPECT_EQ(Checkpoint(), SQLITE_OK);
  EXPECT_EQ(CountRows(writer_), 5);
}

}  // namespace
}  // namespace chatter::storage::sqlite
