#ifndef CHATTER_STORAGE_SQLITE_WAL_VFS_H_
#define CHATTER_STORAGE_SQLITE_WAL_VFS_H_

namespace chatter::storage::sqlite {

// The name of a VFS, for sqlite3_open_v2, that gives the write-ahead log to the system in
// few large writes: SQLite makes two small ones for each page. They wait in memory for
// the sync that ends a commit, so synchronous must be FULL: only then nobody else looks
// for a page before that. What a transaction leaves there that is rolled back is never
// written. The log grows by 1 MiB at a time. The database is synced after each 1 MiB that
// is written to it; a sync that fails once fails from then on, for all connections of
// this process, until all are closed.
const char* WalVfs();

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_WAL_VFS_H_
