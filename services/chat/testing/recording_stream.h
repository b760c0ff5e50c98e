#ifndef CHATTER_SERVICES_CHAT_TESTING_RECORDING_STREAM_H_
#define CHATTER_SERVICES_CHAT_TESTING_RECORDING_STREAM_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "services/chat/session.h"
#include "services/chat/testing/describe.h"

namespace chatter::chat {

// Keeps what it is given. Thread-safe.
class RecordingStream : public SessionStream {
 public:
  void Enqueue(v1::Delivery& delivery) override {
    absl::MutexLock lock(&mutex_);
    deliveries_.emplace_back().Swap(&delivery);
  }
  void Flush() override {
    absl::MutexLock lock(&mutex_);
    ++flushes_;
  }

  // Since the last time.
  std::vector<v1::Delivery> Take() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(deliveries_, {});
  }
  std::vector<std::string> TakeLines() {
    std::vector<std::string> lines;
    for (const v1::Delivery& delivery : Take()) lines.push_back(Describe(delivery));
    return lines;
  }
  int TakeFlushes() {
    absl::MutexLock lock(&mutex_);
    return std::exchange(flushes_, 0);
  }

 private:
  absl::Mutex mutex_;
  std::vector<v1::Delivery> deliveries_ ABSL_GUARDED_BY(mutex_);
  int flushes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_TESTING_RECORDING_STREAM_H_
