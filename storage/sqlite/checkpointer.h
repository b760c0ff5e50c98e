#ifndef CHATTER_STORAGE_SQLITE_CHECKPOINTER_H_
#define CHATTER_STORAGE_SQLITE_CHECKPOINTER_H_

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "storage/sqlite/connection.h"

namespace chatter::storage::sqlite {

// Writes a database's log back beside the connection that writes it, on a thread of its
// own. SQLite begins the log anew only when nothing of it is left, and while somebody
// commits something always is: the thread takes the bulk and makes it durable, and the
// writer the few pages that came meanwhile, right after its next commit.
class Checkpointer {
 public:
  // With so many pages in the log the thread begins: a page that changed often among
  // them is written back once.
  static constexpr int kStartPages = 32'000;
  // With so many the writer waits for the thread and writes all of it back itself. Where
  // that is not possible either (somebody reads for long, or an error) the log grows on,
  // and the operator is told.
  static constexpr int kMostPages = 48'000;
  // What the thread leaves to the writer, at most.
  static constexpr int kRestPages = 1'000;

  // Watches the commits of `writer`, which must outlive it.
  static absl::StatusOr<std::unique_ptr<Checkpointer>> Start(const std::string& path,
                                                             Connection& writer);
  // No commit may be under way. Waits for what the thread is about to write back.
  ~Checkpointer();

 private:
  enum class State {
    kIdle,
    kAsked,        // the thread is to begin
    kWritingBack,  // it has begun
    kRestLeft,     // it has left a rest to the writer
    kStopped,
  };

  Checkpointer(std::unique_ptr<Connection> own, Connection& writer);

  // On the writer's thread; the log holds so many pages now.
  void OnCommit(int log_pages) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether the writer is to write back now.
  bool IsWritersTurn(int log_pages, bool begun_anew) ABSL_LOCKS_EXCLUDED(mutex_);

  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // False: it is to stop.
  bool AwaitRequest() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many of the log's pages are durable in the database; 0: no more than before.
  int WriteBulk();
  int WriteBack();

  Connection& writer_;
  const std::unique_ptr<Connection> own_;  // the thread's
  int written_back_ = 0;                   // the thread's, too: what it did last
  std::atomic<int> log_pages_{0};          // as of the last commit
  int limit_ = 0;                          // the writer's thread's; 0: before a commit

  absl::Mutex mutex_;
  State state_ ABSL_GUARDED_BY(mutex_) = State::kIdle;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_CHECKPOINTER_H_
