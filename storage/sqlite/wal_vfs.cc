#include "storage/sqlite/wal_vfs.h"

#include <sqlite3.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <map>
#include <memory>
#include <new>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace chatter::storage::sqlite {
namespace {

// Below 128 KiB, which is where SQLite's own VFS goes wrong.
constexpr int kBufferBytes = 64 << 10;
constexpr sqlite3_int64 kReserveBytes = 1 << 20;
constexpr int kUnsyncedBytes = 1 << 20;

struct MainFile;

// A log whose last writes wait here. SQLite makes the memory; the system's own file lies
// behind this one.
struct WalFile {
  sqlite3_file base;  // first: what SQLite knows
  MainFile* main;     // of its database
  std::unique_ptr<char[]> buffer;
  sqlite3_int64 offset;  // where the buffer belongs
  int size;
  sqlite3_int64 reserved;  // the file's end, as far as this knows

  sqlite3_file* system() { return reinterpret_cast<sqlite3_file*>(this + 1); }
  const sqlite3_io_methods& methods() { return *system()->pMethods; }

  // What could not be written stays, and is tried again while the writer goes on.
  int Flush() {
    if (size == 0) return SQLITE_OK;
    Reserve(offset + size);
    const int code = methods().xWrite(system(), buffer.get(), size, offset);
    if (code == SQLITE_OK) size = 0;
    return code;
  }

  // Lets the file grow seldom and by much: the sync of a write that makes it longer costs
  // twice as much as that of one within. Zeros are no frames, and behind what the writer
  // appends there is nothing that anybody needs. Without room for them it may still do.
  void Reserve(sqlite3_int64 end) {
    if (end <= reserved) return;
    static constexpr char kZeros[kBufferBytes] = {};
    for (reserved = end; reserved < end + kReserveBytes; reserved += kBufferBytes) {
      if (methods().xWrite(system(), kZeros, kBufferBytes, reserved) != SQLITE_OK) return;
    }
  }
};
static_assert(sizeof(WalFile) % 8 == 0);  // as SQLite aligns files

WalFile& Of(sqlite3_file* file) { return *reinterpret_cast<WalFile*>(file); }

// What all connections of this process know of a database.
struct Shared {
  std::atomic<bool> sync_failed = false;
};

// While one of them is open.
std::shared_ptr<Shared> SharedOf(const std::string& name) {
  ABSL_CONST_INIT static absl::Mutex mutex(absl::kConstInit);
  static auto& known ABSL_GUARDED_BY(mutex) =
      *new std::map<std::string, std::weak_ptr<Shared>>;
  absl::MutexLock lock(&mutex);
  std::weak_ptr<Shared>& weak = known[name];
  std::shared_ptr<Shared> shared = weak.lock();
  if (shared == nullptr) weak = shared = std::make_shared<Shared>();
  return shared;
}

// A database's main file is the system's own, but for a few methods. This lies behind it.
struct MainFile {
  sqlite3_io_methods methods;
  const sqlite3_io_methods* system;
  std::shared_ptr<Shared> shared;
  WalFile* wal = nullptr;  // when it is open
  int unsynced = 0;        // bytes written since the last sync
};

sqlite3_vfs* System() {
  static sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  return system;
}

MainFile& MainOf(sqlite3_file* file) {
  return *reinterpret_cast<MainFile*>(reinterpret_cast<char*>(file) + System()->szOsFile);
}

int Write(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  WalFile& wal = Of(file);
  if (offset != wal.offset + wal.size || size > kBufferBytes - wal.size) {
    if (const int code = wal.Flush(); code != SQLITE_OK) return code;
    if (size > kBufferBytes) {
      return wal.methods().xWrite(wal.system(), data, size, offset);
    }
    wal.offset = offset;
  }
  if (wal.buffer == nullptr) wal.buffer.reset(new (std::nothrow) char[kBufferBytes]);
  if (wal.buffer == nullptr) return SQLITE_NOMEM;
  std::memcpy(wal.buffer.get() + wal.size, data, static_cast<size_t>(size));
  wal.size += size;
  return SQLITE_OK;
}

// What a call finds is all that was written.
template <auto kMethod, typename... Arguments>
int FlushAndCall(sqlite3_file* file, Arguments... arguments) {
  WalFile& wal = Of(file);
  if (const int code = wal.Flush(); code != SQLITE_OK) return code;
  return (wal.methods().*kMethod)(wal.system(), arguments...);
}

template <auto kMethod, typename... Arguments>
int Call(sqlite3_file* file, Arguments... arguments) {
  return (Of(file).methods().*kMethod)(Of(file).system(), arguments...);
}

int Close(sqlite3_file* file) {
  WalFile& wal = Of(file);
  wal.main->wal = nullptr;
  const int code = wal.methods().xClose(wal.system());
  wal.~WalFile();
  return code;
}

// The log's writer holds its first lock. What still waits when it lets go was not
// committed, and the next writer, of whichever process, writes in its place.
int ShmLock(sqlite3_file* file, int first, int count, int flags) {
  const MainFile& main = MainOf(file);
  if (main.wal != nullptr && first == 0 && (flags & SQLITE_SHM_UNLOCK) != 0) {
    main.wal->size = 0;
  }
  return main.system->xShmLock(file, first, count, flags);
}

// What a sync could not write the system may forget, and the next sync does not fail for
// it. It is in the log still, which SQLite lets go only after a sync: so there is no
// other one, whichever connection failed, until the database is opened anew and all of
// the log is written back again.
int SyncMain(sqlite3_file* file, int flags) {
  MainFile& main = MainOf(file);
  if (main.shared->sync_failed) return SQLITE_IOERR_FSYNC;
  const int code = main.system->xSync(file, flags);
  if (code != SQLITE_OK) main.shared->sync_failed = true;
  main.unsynced = 0;
  // Another one may have failed meanwhile, and the system has told only that one.
  return main.shared->sync_failed ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

// A sync of much at once keeps the disk busy, and a commit elsewhere waits for it.
int WriteMain(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  MainFile& main = MainOf(file);
  if (main.unsynced + size > kUnsyncedBytes) {
    if (const int code = SyncMain(file, SQLITE_SYNC_NORMAL); code != SQLITE_OK) {
      return code;
    }
  }
  main.unsynced += size;
  return main.system->xWrite(file, data, size, offset);
}

int CloseMain(sqlite3_file* file) {
  MainFile& main = MainOf(file);
  const sqlite3_io_methods& system = *main.system;
  main.~MainFile();
  return system.xClose(file);
}

// Of version 1: a log is neither locked nor mapped.
constexpr sqlite3_io_methods kMethods = [] {
  sqlite3_io_methods methods{};
  methods.iVersion = 1;
  methods.xClose = &Close;
  methods.xRead = &FlushAndCall<&sqlite3_io_methods::xRead>;
  methods.xWrite = &Write;
  methods.xTruncate = &FlushAndCall<&sqlite3_io_methods::xTruncate>;
  methods.xSync = &FlushAndCall<&sqlite3_io_methods::xSync>;
  methods.xFileSize = &FlushAndCall<&sqlite3_io_methods::xFileSize>;
  methods.xLock = &Call<&sqlite3_io_methods::xLock>;
  methods.xUnlock = &Call<&sqlite3_io_methods::xUnlock>;
  methods.xCheckReservedLock = &Call<&sqlite3_io_methods::xCheckReservedLock>;
  methods.xFileControl = &Call<&sqlite3_io_methods::xFileControl>;
  methods.xSectorSize = &Call<&sqlite3_io_methods::xSectorSize>;
  methods.xDeviceCharacteristics = &Call<&sqlite3_io_methods::xDeviceCharacteristics>;
  return methods;
}();

int OpenMain(const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = System()->xOpen(System(), name, file, flags, out_flags);
  if (code != SQLITE_OK) return code;
  MainFile* const main =
      new (&MainOf(file)) MainFile{*file->pMethods, file->pMethods, SharedOf(name)};
  main->methods.xClose = &CloseMain;
  main->methods.xShmLock = &ShmLock;
  main->methods.xSync = &SyncMain;
  main->methods.xWrite = &WriteMain;
  file->pMethods = &main->methods;
  return SQLITE_OK;
}

int OpenWal(const char* name, sqlite3_file* file, int flags, int* out_flags) {
  WalFile* const wal = new (file) WalFile();
  const int code = System()->xOpen(System(), name, wal->system(), flags, out_flags);
  if (code != SQLITE_OK) return code;  // without methods it is not closed
  wal->main = &MainOf(sqlite3_database_file_object(name));
  wal->main->wal = wal;
  if (wal->methods().xFileSize(wal->system(), &wal->reserved) != SQLITE_OK) {
    wal->reserved = 0;
  }
  wal->base.pMethods = &kMethods;
  return SQLITE_OK;
}

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  if ((flags & SQLITE_OPEN_MAIN_DB) != 0) return OpenMain(name, file, flags, out_flags);
  if ((flags & SQLITE_OPEN_WAL) != 0) return OpenWal(name, file, flags, out_flags);
  return System()->xOpen(System(), name, file, flags, out_flags);
}

}  // namespace

const char* WalVfs() {
  static sqlite3_vfs& vfs = *[] {
    // The system's but for what follows.
    auto* const made = new sqlite3_vfs(*System());
    made->zName = "chatter-wal";
    made->szOsFile += static_cast<int>(std::max(sizeof(WalFile), sizeof(MainFile)));
    made->xOpen = &Open;
    made->pNext = nullptr;
    sqlite3_vfs_register(made, 0);
    return made;
  }();
  return vfs.zName;
}

}  // namespace chatter::storage::sqlite
