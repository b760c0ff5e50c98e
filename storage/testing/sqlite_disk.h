#ifndef CHATTER_STORAGE_TESTING_SQLITE_DISK_H_
#define CHATTER_STORAGE_TESTING_SQLITE_DISK_H_

#include <sqlite3.h>

#include <functional>

namespace chatter::storage {

// Stands between SQLite, or a VFS of ours, and the system: a test sees what is done with
// databases and their logs, and can make it fail or wait.
class SqliteDisk {
 public:
  enum class Call { kWriteLog, kWriteDatabase, kSyncDatabase };
  // Before each call, on its thread, with where it writes. Returns SQLITE_OK, or what the
  // call fails with.
  using Watcher = std::function<int(Call call, sqlite3_int64 offset)>;

  // For the whole process, before the first database is opened.
  static void Install();
  // Instead of the one before; null: nobody. Thread-safe; one that was called before may
  // still be running.
  static void Watch(Watcher watcher);
};

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_TESTING_SQLITE_DISK_H_
