#include "storage/postgres/watchdog.h"

#include <sys/socket.h>

#include <algorithm>

#include "absl/time/clock.h"

namespace chatter::storage::postgres {

Watchdog::Call::Call(Watchdog& watchdog, int socket, absl::Time deadline)
    : watchdog_(watchdog), socket_(socket), deadline_(deadline) {
  absl::MutexLock lock(&watchdog_.mutex_);
  watchdog_.calls_.push_back(this);
  if (deadline_ < watchdog_.looks_at_) {
    watchdog_.looks_at_ = deadline_;
    watchdog_.changed_.Signal();
  }
}

Watchdog::Call::~Call() {
  absl::MutexLock lock(&watchdog_.mutex_);
  std::vector<Call*>& calls = watchdog_.calls_;
  calls.erase(std::find(calls.begin(), calls.end(), this));
}

Watchdog::Watchdog() : thread_([this] { Watch(); }) {}

Watchdog::~Watchdog() {
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.Signal();
  }
  thread_.join();
}

void Watchdog::Watch() {
  absl::MutexLock lock(&mutex_);
  while (!stopped_) {
    const absl::Time now = absl::Now();
    if (now >= looks_at_) looks_at_ = EndExpired(now);
    changed_.WaitWithDeadline(&mutex_, looks_at_);
  }
}

absl::Time Watchdog::EndExpired(absl::Time now) {
  absl::Time next = absl::InfiniteFuture();
  for (Call* const call : calls_) {
    if (call->expired_) continue;
    if (call->deadline_ > now) {
      next = std::min(next, call->deadline_);
    } else {
      call->expired_ = true;
      shutdown(call->socket_, SHUT_RDWR);
    }
  }
  return next;
}

}  // namespace chatter::storage::postgres
