// absl's Mutex, CondVar and Notification on POSIX threads, which the thread sanitizer
// knows. Debian's are not instrumented: it would see neither their locks nor what these
// protect. Linked into each program of --config=tsan, where these definitions win over
// the shared library's, for gRPC as well.
//
// A reader lock is an exclusive one: two readers that write at the same time go unseen.
#include <pthread.h>
#include <sanitizer/tsan_interface.h>

#include <atomic>
#include <cstdint>
#include <ctime>

#include "absl/base/dynamic_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

struct MutexState {
  ~MutexState() {
    pthread_cond_destroy(&changed);
    pthread_mutex_destroy(&mutex);
  }

  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
  int waiting = 0;  // for a Condition
};

struct CondVarState {
  ~CondVarState() { pthread_cond_destroy(&signalled); }

  pthread_cond_t signalled = PTHREAD_COND_INITIALIZER;
};

// What the object's only word points to. Zero, as the constructors leave it, stands for a
// state that nobody has used.
template <typename State>
State& Get(std::atomic<intptr_t>& word) {
  intptr_t current = word.load(std::memory_order_acquire);
  if (current == 0) {
    State* const made = new State;
    if (word.compare_exchange_strong(current, reinterpret_cast<intptr_t>(made),
                                     std::memory_order_acq_rel)) {
      return *made;
    }
    delete made;
  }
  return *reinterpret_cast<State*>(current);
}

// gRPC deletes what it knows by its atomics alone to be unused. When it is ours that is
// deleted too early, the sanitizer sees so by the object around the word.
template <typename State>
void Delete(std::atomic<intptr_t>& word) {
  ABSL_ANNOTATE_IGNORE_WRITES_BEGIN();
  delete reinterpret_cast<State*>(word.exchange(0, std::memory_order_acq_rel));
  ABSL_ANNOTATE_IGNORE_WRITES_END();
}

// Before the mutex is let go: whoever waits for a Condition looks at it again.
void TellWaiting(MutexState& state) {
  if (state.waiting > 0) pthread_cond_broadcast(&state.changed);
}

// False when the deadline has passed.
bool WaitUntil(pthread_cond_t& cond, MutexState& state, Time deadline) {
  if (deadline == InfiniteFuture()) return pthread_cond_wait(&cond, &state.mutex) == 0;
  const timespec until = ToTimespec(deadline);
  return pthread_cond_timedwait(&cond, &state.mutex, &until) == 0;
}

Time After(Duration timeout) { return Now() + timeout; }

}  // namespace

Mutex::~Mutex() {
  Delete<MutexState>(mu_);
  __tsan_mutex_destroy(this, __tsan_mutex_not_static);
}

void Mutex::Lock() { pthread_mutex_lock(&Get<MutexState>(mu_).mutex); }

bool Mutex::TryLock() { return pthread_mutex_trylock(&Get<MutexState>(mu_).mutex) == 0; }

void Mutex::Unlock() {
  MutexState& state = Get<MutexState>(mu_);
  TellWaiting(state);
  pthread_mutex_unlock(&state.mutex);
}

bool Mutex::AwaitWithDeadline(const Condition& cond, Time deadline) {
  MutexState& state = Get<MutexState>(mu_);
  bool holds = cond.Eval();
  if (holds) return true;
  TellWaiting(state);
  ++state.waiting;
  for (bool in_time = true; !holds && in_time; holds = cond.Eval()) {
    in_time = WaitUntil(state.changed, state, deadline);
  }
  --state.waiting;
  return holds;
}

void Mutex::Await(const Condition& cond) { AwaitWithDeadline(cond, InfiniteFuture()); }

bool Mutex::AwaitWithTimeout(const Condition& cond, Duration timeout) {
  return AwaitWithDeadline(cond, After(timeout));
}

void Mutex::LockWhen(const Condition& cond) {
  Lock();
  Await(cond);
}

bool Mutex::LockWhenWithDeadline(const Condition& cond, Time deadline) {
  Lock();
  return AwaitWithDeadline(cond, deadline);
}

bool Mutex::LockWhenWithTimeout(const Condition& cond, Duration timeout) {
  return LockWhenWithDeadline(cond, After(timeout));
}

void Mutex::ReaderLock() { Lock(); }
void Mutex::ReaderUnlock() { Unlock(); }
bool Mutex::ReaderTryLock() { return TryLock(); }
void Mutex::ReaderLockWhen(const Condition& cond) { LockWhen(cond); }

bool Mutex::ReaderLockWhenWithDeadline(const Condition& cond, Time deadline) {
  return LockWhenWithDeadline(cond, deadline);
}

bool Mutex::ReaderLockWhenWithTimeout(const Condition& cond, Duration timeout) {
  return LockWhenWithTimeout(cond, timeout);
}

// May do nothing, says the contract; the library's would look into the word.
void Mutex::AssertHeld() const {}
void Mutex::AssertReaderHeld() const {}
void Mutex::AssertNotHeld() const {}
void Mutex::ForgetDeadlockInfo() {}

CondVar::~CondVar() { Delete<CondVarState>(cv_); }

void CondVar::Wait(Mutex* mu) { WaitWithDeadline(mu, InfiniteFuture()); }

bool CondVar::WaitWithTimeout(Mutex* mu, Duration timeout) {
  return WaitWithDeadline(mu, After(timeout));
}

bool CondVar::WaitWithDeadline(Mutex* mu, Time deadline) {
  MutexState& state = Get<MutexState>(mu->mu_);
  TellWaiting(state);
  return !WaitUntil(Get<CondVarState>(cv_).signalled, state, deadline);
}

void CondVar::Signal() { pthread_cond_signal(&Get<CondVarState>(cv_).signalled); }
void CondVar::SignalAll() { pthread_cond_broadcast(&Get<CondVarState>(cv_).signalled); }

// The library's flag is set where the sanitizer does not see it.
Notification::~Notification() { MutexLock lock(&mutex_); }

void Notification::Notify() {
  MutexLock lock(&mutex_);
  notified_yet_.store(true, std::memory_order_release);
}

bool Notification::WaitForNotificationWithDeadline(Time deadline) const {
  MutexLock lock(&mutex_);
  return mutex_.AwaitWithDeadline(
      Condition(
          +[](const std::atomic<bool>* notified) { return notified->load(); },
          &notified_yet_),
      deadline);
}

bool Notification::WaitForNotificationWithTimeout(Duration timeout) const {
  return WaitForNotificationWithDeadline(After(timeout));
}

void Notification::WaitForNotification() const {
  WaitForNotificationWithDeadline(InfiniteFuture());
}

ABSL_NAMESPACE_END
}  // namespace absl
