#include "storage/sqlite/checkpointer.h"

#include <sqlite3.h>
#include <stdlib.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/sqlite/connection.h"
#include "storage/testing/sqlite_disk.h"

namespace chatter::storage::sqlite {
namespace {

using Call = SqliteDisk::Call;

constexpr int kRowsOfCommit = 100;  // a page each
constexpr int kMostPagesOfCommit = kRowsOfCommit + 20;
constexpr int kManyRows = Checkpointer::kMostPages + Checkpointer::kStartPages;
constexpr int kManyCommits = 200'000;
constexpr uintmax_t kFrameBytes = 2048 + 24;

// Of the checkpointer's thread, which takes it once.
class Pause {
 public:
  void Take() {
    if (begun_.HasBeenNotified()) return;
    begun_.Notify();
    ended_.WaitForNotification();
  }
  void Await() { begun_.WaitForNotification(); }
  void End() { ended_.Notify(); }

 private:
  absl::Notification begun_, ended_;
};

class CheckpointerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { SqliteDisk::Install(); }

  CheckpointerTest() {
    std::string folder = ::testing::TempDir() + "/checkpointer-XXXXXX";
    PCHECK(mkdtemp(folder.data()) != nullptr);
    folder_ = folder;
    SqliteDisk::Watch(
        [this](Call call, sqlite3_int64 offset) { return On(call, offset); });
    OpenDatabase();
    Execute(*writer_, "CREATE TABLE t (x BLOB)");
  }
  ~CheckpointerTest() override {
    CloseDatabase();
    SqliteDisk::Watch(nullptr);
    std::filesystem::remove_all(folder_);
  }

  void OpenDatabase() {
    writer_ = OpenConnection();
    auto checkpointer = Checkpointer::Start(path(), *writer_);
    CHECK(checkpointer.ok()) << checkpointer.status();
    checkpointer_ = *std::move(checkpointer);
  }
  void CloseDatabase() {
    checkpointer_.reset();
    writer_.reset();
  }

  std::unique_ptr<Connection> OpenConnection() {
    auto connection = Connection::Open(path());
    CHECK(connection.ok()) << connection.status();
    return *std::move(connection);
  }

  static void Execute(Connection& connection, const std::string& sql) {
    const absl::Status status = connection.Execute(sql);
    ASSERT_TRUE(status.ok()) << status;
  }

  void Commit(int rows = kRowsOfCommit) {
    Execute(*writer_,
            absl::StrCat("INSERT INTO t WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL "
                         "SELECT i + 1 FROM n WHERE i < ",
                         rows, ") SELECT randomblob(1800) FROM n"));
    rows_ += rows;
  }
  // What makes the thread begin.
  void CommitMuch() { Commit(Checkpointer::kStartPages + 50); }
  // Small commits, until one of them begins the log anew.
  void CommitUntilLogIsBegunAnew() {
    const int before = logs_;
    for (int i = 0; logs_ == before; ++i) {
      ASSERT_LT(i, kManyCommits);
      Commit(1);
    }
  }

  static int64_t CountRows(Connection& connection) {
    const auto count = connection.Prepare("SELECT count(*) FROM t");
    CHECK(count.ok()) << count.status();
    const auto row = (*count)->Step();
    CHECK(row.ok()) << row.status();
    const int64_t rows = (*count)->Integer(0);
    (*count)->Reset();
    return rows;
  }
  // What a crash at this moment leaves.
  int64_t CountRowsAfterCrash() const {
    for (const char* const suffix : {"", "-wal"}) {
      std::filesystem::copy_file(path() + suffix, folder_ + "/crashed.db" + suffix);
    }
    const auto crashed = Connection::OpenToRead(folder_ + "/crashed.db");
    CHECK(crashed.ok()) << crashed.status();
    return CountRows(**crashed);
  }
  // As the next process finds it.
  void ExpectAllAfterReopening() {
    CloseDatabase();
    OpenDatabase();
    EXPECT_EQ(CountRows(*writer_), rows_);
    const auto check = writer_->Prepare("PRAGMA integrity_check");
    ASSERT_TRUE(check.ok()) << check.status();
    const auto row = (*check)->Step();
    ASSERT_TRUE(row.ok()) << row.status();
    EXPECT_EQ((*check)->Text(0), "ok");
    (*check)->Reset();
  }

  std::string path() const { return folder_ + "/test.db"; }
  uintmax_t LogBytes() const { return std::filesystem::file_size(path() + "-wal"); }
  // Of a log that was never longer; it grows by 1 MiB, and a bit.
  static uintmax_t LogBytesOf(int pages) { return pages * kFrameBytes + (3 << 19); }

  int On(Call call, sqlite3_int64 offset) {
    const bool is_writer = std::this_thread::get_id() == writers_thread_;
    if (call == Call::kWriteLog && offset == 0) ++logs_;
    if (call == Call::kWriteDatabase) {
      if (is_writer) {
        ++pages_of_writer_;
      } else {
        ++pages_of_thread_;
      }
    }
    const std::function<int(Call)>& watch = is_writer ? watch_writer_ : watch_thread_;
    return watch == nullptr ? SQLITE_OK : watch(call);
  }

  const std::thread::id writers_thread_ = std::this_thread::get_id();
  // What the disk does for each of them; set while the checkpointer is idle.
  std::function<int(Call)> watch_writer_;
  std::function<int(Call)> watch_thread_;
  int logs_ = 0;  // begun
  // Written back.
  int pages_of_writer_ = 0;
  std::atomic<int> pages_of_thread_{0};

  std::string folder_;
  std::unique_ptr<Connection> writer_;
  std::unique_ptr<Checkpointer> checkpointer_;
  int64_t rows_ = 0;
};

TEST_F(CheckpointerTest, TheLogStaysShort) {
  while (rows_ < 5 * Checkpointer::kStartPages) {
    Commit();
    ASSERT_LE(LogBytes(), LogBytesOf(Checkpointer::kMostPages + kMostPagesOfCommit));
  }
  EXPECT_GE(logs_, 2);
  ExpectAllAfterReopening();
}

TEST_F(CheckpointerTest, TheWriterWritesBackTheRestOnly) {
  Pause first, second;
  absl::Notification done;
  watch_thread_ = [&, syncs = 0](Call call) mutable {
    if (call == Call::kWriteDatabase && pages_of_thread_ == 1) first.Take();
    if (call == Call::kWriteDatabase && syncs == 1) second.Take();
    // At an end; those before came after each 512 pages.
    if (call == Call::kSyncDatabase && pages_of_thread_ > Checkpointer::kStartPages) {
      if (++syncs == 2) done.Notify();
    }
    return SQLITE_OK;
  };
  CommitMuch();
  first.Await();
  Commit();
  Commit();
  EXPECT_EQ(CountRowsAfterCrash(), rows_);
  EXPECT_EQ(logs_, 1);
  first.End();
  // So much comes again: the thread leaves it.
  second.Await();
  Commit();
  Commit();
  second.End();
  done.WaitForNotification();
  // Else the writer would forget what it knows of the database.
  const uint32_t version = writer_->data_version();
  Execute(*writer_, "BEGIN IMMEDIATE");
  EXPECT_EQ(writer_->data_version(), version);
  Execute(*writer_, "COMMIT");
  CommitUntilLogIsBegunAnew();
  EXPECT_LE(pages_of_writer_, Checkpointer::kRestPages + kMostPagesOfCommit);
  ExpectAllAfterReopening();
}

TEST_F(CheckpointerTest, AtTheLimitTheWriterWaitsForTheThread) {
  Pause pause;
  watch_thread_ = [&](Call call) {
    if (call == Call::kWriteDatabase) pause.Take();
    return SQLITE_OK;
  };
  CommitMuch();
  pause.Await();
  Commit(Checkpointer::kMostPages - Checkpointer::kStartPages - 2'000);
  // Begun while the thread waits: however fast that is then, no log is begun with it.
  Execute(*writer_, "BEGIN");
  Commit(2'500);
  pause.End();
  Execute(*writer_, "COMMIT");
  EXPECT_EQ(logs_, 1);
  // Nothing was left.
  Commit(1);
  EXPECT_EQ(logs_, 2);
  ExpectAllAfterReopening();
}

TEST_F(CheckpointerTest, AtTheLimitTheWriterDoesWhatTheThreadCannot) {
  watch_thread_ = [](Call) { return SQLITE_IOERR; };
  while (logs_ < 2) {
    Commit();
    ASSERT_LE(LogBytes(), LogBytesOf(Checkpointer::kMostPages + kMostPagesOfCommit));
  }
  EXPECT_GT(LogBytes(), Checkpointer::kMostPages * kFrameBytes);
  EXPECT_GT(pages_of_writer_, Checkpointer::kStartPages);
  ExpectAllAfterReopening();
}

TEST_F(CheckpointerTest, WhatCannotBeWrittenBackStaysInTheLog) {
  std::atomic<bool> is_full = true;
  watch_writer_ = watch_thread_ = [&](Call call) {
    return call != Call::kWriteLog && is_full ? SQLITE_FULL : SQLITE_OK;
  };
  while (rows_ < kManyRows) Commit();
  EXPECT_EQ(logs_, 1);
  EXPECT_EQ(CountRows(*writer_), rows_);
  ExpectAllAfterReopening();
  EXPECT_GT(LogBytes(), kManyRows * kFrameBytes);
  is_full = false;
  pages_of_writer_ = 0;
  CommitUntilLogIsBegunAnew();
  // Nobody waits for all that, although it is more than there should be.
  EXPECT_LT(pages_of_writer_, Checkpointer::kStartPages);
  ExpectAllAfterReopening();
}

// The pages are in the database for SQLite, and the system may have forgotten them.
TEST_F(CheckpointerTest, AfterASyncOfTheThreadThatFailedTheLogIsKept) {
  Pause pause;
  absl::Notification failed;
  watch_thread_ = [&](Call call) {
    if (call == Call::kWriteDatabase) pause.Take();
    // At the end of what it writes back; those before came after each 512 pages.
    if (call != Call::kSyncDatabase || pages_of_thread_ < Checkpointer::kStartPages ||
        failed.HasBeenNotified()) {
      return SQLITE_OK;
    }
    failed.Notify();
    return SQLITE_IOERR_FSYNC;
  };
  CommitMuch();
  pause.Await();
  Commit();
  pause.End();
  failed.WaitForNotification();
  while (rows_ < kManyRows) Commit();
  EXPECT_EQ(logs_, 1);
  ExpectAllAfterReopening();
  EXPECT_GT(LogBytes(), kManyRows * kFrameBytes);
  CommitUntilLogIsBegunAnew();
  ExpectAllAfterReopening();
}

TEST_F(CheckpointerTest, WhoReadsForLongKeepsTheLog) {
  Commit();
  const int64_t rows = rows_;
  const std::unique_ptr<Connection> reader = OpenConnection();
  Execute(*reader, "BEGIN");
  EXPECT_EQ(CountRows(*reader), rows);
  while (rows_ < kManyRows) Commit();
  EXPECT_EQ(logs_, 1);
  EXPECT_EQ(CountRows(*reader), rows);
  Execute(*reader, "COMMIT");
  CommitUntilLogIsBegunAnew();
  EXPECT_LT(pages_of_writer_, Checkpointer::kStartPages);
  EXPECT_EQ(CountRows(*reader), rows_);
}

TEST_F(CheckpointerTest, WhatAReaderHeldUpIsTheThreads) {
  constexpr int kRowsBefore = 20'000;
  while (rows_ < kRowsBefore) Commit();
  const std::unique_ptr<Connection> reader = OpenConnection();
  Execute(*reader, "BEGIN");
  EXPECT_EQ(CountRows(*reader), rows_);
  while (rows_ < Checkpointer::kMostPages + 1'000) Commit();
  EXPECT_EQ(logs_, 1);
  Execute(*reader, "COMMIT");
  CommitUntilLogIsBegunAnew();
  // But for what came while the thread was at it.
  EXPECT_LT(pages_of_writer_, Checkpointer::kMostPages - kRowsBefore - 10'000);
}

TEST_F(CheckpointerTest, StopsWhileItWritesBack) {
  Pause pause;
  watch_thread_ = [&](Call call) {
    if (call == Call::kWriteDatabase && pages_of_thread_ == 10) pause.Take();
    return SQLITE_OK;
  };
  CommitMuch();
  pause.Await();
  std::thread stop([this] { checkpointer_.reset(); });
  pause.End();
  stop.join();
  // Nobody watches it any more.
  Commit();
  ExpectAllAfterReopening();
}

}  // namespace
}  // namespace chatter::storage::sqlite
