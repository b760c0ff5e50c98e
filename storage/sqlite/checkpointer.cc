#include "storage/sqlite/checkpointer.h"

#include <algorithm>
#include <utility>

#include "glog/logging.h"
#include "storage/status_macros.h"

namespace chatter::storage::sqlite {
namespace {

constexpr int kLogGapSeconds = 60;

// The thread has the time for it before the writer does it.
int LimitAfter(int log_pages) {
  return std::max(Checkpointer::kMostPages,
                  log_pages + Checkpointer::kMostPages - Checkpointer::kStartPages);
}

void LogFailure(const absl::Status& status) {
  constexpr char kWhat[] =
      "could not write the database's log back; it grows until that works, or, after a "
      "sync that failed, until the next start: ";
  LOG_EVERY_T(ERROR, kLogGapSeconds) << kWhat << status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpointer>> Checkpointer::Start(const std::string& path,
                                                                  Connection& writer) {
  CHATTER_ASSIGN_OR_RETURN(std::unique_ptr<Connection> own, Connection::Open(path));
  return std::unique_ptr<Checkpointer>(new Checkpointer(std::move(own), writer));
}

Checkpointer::Checkpointer(std::unique_ptr<Connection> own, Connection& writer)
    : writer_(writer), own_(std::move(own)), thread_([this] { Run(); }) {
  writer_.SetCommitHook([this](int log_pages) { OnCommit(log_pages); });
}

Checkpointer::~Checkpointer() {
  writer_.SetCommitHook(nullptr);
  {
    absl::MutexLock lock(&mutex_);
    state_ = State::kStopped;
  }
  thread_.join();
}

void Checkpointer::OnCommit(int log_pages) {
  const bool begun_anew = log_pages < log_pages_.exchange(log_pages);
  if (limit_ == 0 || begun_anew) limit_ = LimitAfter(log_pages);
  if (log_pages < kStartPages && !begun_anew) return;
  if (!IsWritersTurn(log_pages, begun_anew)) return;
  const absl::StatusOr<int> written_back = writer_.WriteBack();
  if (!written_back.ok()) LogFailure(written_back.status());
  const int left = log_pages - written_back.value_or(0);
  if (log_pages < limit_ || left <= kRestPages) return;
  limit_ = LimitAfter(log_pages);
  LOG_IF(WARNING, written_back.ok())
      << "the database's log grows: of its " << log_pages << " pages " << left
      << " could not be written back, as somebody reads for long";
}

bool Checkpointer::IsWritersTurn(int log_pages, bool begun_anew) {
  absl::MutexLock lock(&mutex_);
  // Then nothing is left of the rest.
  if (begun_anew && state_ == State::kRestLeft) state_ = State::kIdle;
  if (log_pages < kStartPages) return false;
  if (log_pages < limit_ && state_ != State::kRestLeft) {
    if (state_ == State::kIdle) state_ = State::kAsked;
    return false;
  }
  // SQLite refuses the second one of two at once.
  mutex_.Await(absl::Condition(
      +[](State* state) { return *state != State::kWritingBack; }, &state_));
  state_ = State::kIdle;
  return true;
}

void Checkpointer::Run() {
  while (AwaitRequest()) {
    const int written_back = WriteBulk();
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kStopped) return;
    // Below 0: the log was begun anew meanwhile. None: the next commit begins it anew, or
    // is the rest, if it was under way already. Many: the next commit asks again.
    const int rest = log_pages_ - written_back;
    state_ = rest >= 0 && rest <= kRestPages ? State::kRestLeft : State::kIdle;
  }
}

bool Checkpointer::AwaitRequest() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](State* state) { return *state == State::kAsked || *state == State::kStopped; },
      &state_));
  if (state_ == State::kStopped) return false;
  state_ = State::kWritingBack;
  return true;
}

int Checkpointer::WriteBulk() {
  int written_back = 0;
  for (int rest = log_pages_; rest > 0;) {
    written_back = WriteBack();
    const int left = log_pages_ - written_back;
    // Just as much would come while this was written back, too.
    if (left > rest / 2) break;
    rest = left;
  }
  return written_back;
}

int Checkpointer::WriteBack() {
  const absl::StatusOr<int> written_back = own_->WriteBack();
  if (!written_back.ok()) {
    LogFailure(written_back.status());
    return 0;
  }
  // Somebody reads: there is no more to be done than before.
  if (*written_back == written_back_) return 0;
  written_back_ = *written_back;
  // SQLite has synced only when nothing came meanwhile. It will when the rest is written
  // back, while the writer waits: so that little is left of that, too.
  if (*written_back < log_pages_) {
    if (const absl::Status status = own_->SyncDatabase(); !status.ok()) {
      LogFailure(status);
      return 0;
    }
  }
  return *written_back;
}

}  // namespace chatter::storage::sqlite
