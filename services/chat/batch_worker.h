// Group commit: work that waits only while earlier work is being done.
#ifndef CHATTER_SERVICES_CHAT_BATCH_WORKER_H_
#define CHATTER_SERVICES_CHAT_BATCH_WORKER_H_

#include <cstddef>
#include <deque>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"

namespace chatter::chat {

// A thread that runs batches of items, one batch at a time. Items that come while a batch
// runs wait and make up the next one: no fixed size, so that a lone item goes at once and
// a flood goes in large batches. Thread-safe.
template <typename Item>
class BatchWorker {
 public:
  struct Limits {
    // An item's weight is what the caller says (bytes, or 1).
    size_t waiting;       // the weight of all that may wait
    size_t batch;         // the weight of one batch; a heavier item goes alone
    size_t items = 1000;  // the number of items in one batch
  };
  // Runs a batch on the worker's thread. May block; must not throw.
  using Run = absl::AnyInvocable<void(std::vector<Item>&)>;

  BatchWorker(const Limits& limits, Run run)
      : limits_(limits), run_(std::move(run)), thread_([this] { Work(); }) {}

  BatchWorker(const BatchWorker&) = delete;
  BatchWorker& operator=(const BatchWorker&) = delete;

  // Runs what still waits, then ends.
  ~BatchWorker() {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    thread_.join();
  }

  // Leaves the item alone and returns false when too much waits already.
  bool Submit(Item& item, size_t weight) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    if (waiting_weight_ + weight > limits_.waiting) return false;
    waiting_.push_back({std::move(item), weight});
    waiting_weight_ += weight;
    return true;
  }

  struct Load {
    size_t items;
    size_t weight;
  };
  // What waits.
  Load load() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return {waiting_.size(), waiting_weight_};
  }

  // Whether nothing waits or is run.
  bool is_idle() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return IsIdle();
  }

  // Returns when everything submitted before has been run.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(this, &BatchWorker::IsIdle));
  }

 private:
  struct Waiting {
    Item item;
    size_t weight;
  };

  bool IsIdle() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return waiting_.empty() && !running_;
  }

  void Work() {
    std::vector<Item> batch;
    while (NextBatch(batch)) {
      run_(batch);
      batch.clear();
    }
  }

  bool NextBatch(std::vector<Item>& batch) ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    running_ = false;
    mutex_.Await(absl::Condition(
        +[](BatchWorker* self) ABSL_SHARED_LOCKS_REQUIRED(self->mutex_) {
          return !self->waiting_.empty() || self->stopping_;
        },
        this));
    size_t weight = 0;
    while (!waiting_.empty() && batch.size() < limits_.items &&
           (batch.empty() || weight + waiting_.front().weight <= limits_.batch)) {
      weight += waiting_.front().weight;
      batch.push_back(std::move(waiting_.front().item));
      waiting_.pop_front();
    }
    waiting_weight_ -= weight;
    running_ = !batch.empty();
    return running_;
  }

  const Limits limits_;
  Run run_;
  mutable absl::Mutex mutex_;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_weight_ ABSL_GUARDED_BY(mutex_) = 0;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses all of the above
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_BATCH_WORKER_H_
