#include "storage/testing/sqlite_disk.h"

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "glog/logging.h"

namespace chatter::storage {
namespace {

ABSL_CONST_INIT absl::Mutex mutex(absl::kConstInit);

std::shared_ptr<SqliteDisk::Watcher>& Current() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) {
  static auto& current = *new std::shared_ptr<SqliteDisk::Watcher>;
  return current;
}

int Ask(SqliteDisk::Call call, sqlite3_int64 offset) {
  std::shared_ptr<SqliteDisk::Watcher> watcher;
  {
    absl::MutexLock lock(&mutex);
    watcher = Current();
  }
  return watcher == nullptr ? SQLITE_OK : (*watcher)(call, offset);
}

sqlite3_vfs& System() {
  static sqlite3_vfs& system = *sqlite3_vfs_find(nullptr);
  return system;
}

// The system's methods of a kind of file, with what is watched in place of some.
template <SqliteDisk::Call kWrite>
struct Methods {
  explicit Methods(const sqlite3_io_methods& from) : system(from), watched(from) {
    watched.xWrite = [](sqlite3_file* file, const void* data, int size,
                        sqlite3_int64 offset) {
      const int code = Ask(kWrite, offset);
      return code != SQLITE_OK ? code : Get(file).system.xWrite(file, data, size, offset);
    };
    if (kWrite != SqliteDisk::Call::kWriteDatabase) return;
    watched.xSync = [](sqlite3_file* file, int flags) {
      const int code = Ask(SqliteDisk::Call::kSyncDatabase, 0);
      return code != SQLITE_OK ? code : Get(file).system.xSync(file, flags);
    };
  }

  // As of the first file: they are all the same.
  static const Methods& Get(sqlite3_file* file) {
    static const Methods& methods = *new Methods(*file->pMethods);
    return methods;
  }

  const sqlite3_io_methods system;
  sqlite3_io_methods watched;
};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = System().xOpen(&System(), name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  if ((flags & SQLITE_OPEN_WAL) != 0) {
    file->pMethods = &Methods<SqliteDisk::Call::kWriteLog>::Get(file).watched;
  } else if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
    file->pMethods = &Methods<SqliteDisk::Call::kWriteDatabase>::Get(file).watched;
  }
  return SQLITE_OK;
}

}  // namespace

void SqliteDisk::Install() {
  static sqlite3_vfs& vfs = *new sqlite3_vfs(System());
  vfs.zName = "disk";
  vfs.xOpen = &Open;
  CHECK_EQ(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

void SqliteDisk::Watch(Watcher watcher) {
  absl::MutexLock lock(&mutex);
  Current() =
      watcher == nullptr ? nullptr : std::make_shared<Watcher>(std::move(watcher));
}

}  // namespace chatter::storage
