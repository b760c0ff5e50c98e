// Where messages wait for their transaction.
#ifndef CHATTER_SERVICES_CHAT_APPEND_QUEUE_H_
#define CHATTER_SERVICES_CHAT_APPEND_QUEUE_H_

#include <atomic>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "services/base/clock.h"
#include "services/chat/batch_worker.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/outbox.h"
#include "services/chat/send.h"
#include "services/chat/session_registry.h"
#include "services/chat/user_directory.h"
#include "storage/storage.h"

namespace chatter::chat {

enum class NotifyPolicy {
  kAlways,   // one notification for each message
  kOffline,  // only when the recipient has no session
};

// Stores messages and, once they are committed, answers the sender and delivers them, in
// the order in which they came. Thread-safe.
class AppendQueue {
 public:
  static constexpr size_t kMaxWaitingBytes = 64 << 20;

  AppendQueue(storage::Storage& storage, UserDirectory& users, SessionRegistry& sessions,
              Outbox& outbox, NotifyPolicy notify_policy, ChatMetrics& metrics,
              const Clock& clock);

  // Takes a send that passed CheckSend; one that finds kMaxWaitingBytes is refused. The
  // answer comes on another thread, or on this one when it is refused.
  void Submit(PendingSend send);

  // Returns when all that was submitted before is answered.
  void Drain();

  // Whether what is submitted now is stored at once.
  bool is_idle() const { return worker_.is_idle(); }

  // What waits.
  using Load = BatchWorker<PendingSend>::Load;
  Load load() const { return worker_.load(); }

 private:
  void Commit(std::vector<PendingSend>& batch);
  // Answers those whose recipient does not exist and takes them out.
  absl::Status RefuseUnknownRecipients(std::vector<PendingSend>& batch);
  // What storage is to append: views into the batch.
  std::vector<storage::NewMessage> Describe(const std::vector<PendingSend>& batch);
  void Announce(std::vector<PendingSend>& batch,
                const std::vector<storage::NewMessage>& messages,
                const std::vector<storage::Appended>& appended);
  // The first of `count` consecutive microseconds that no other message gets.
  absl::Time TakeTimestamps(size_t count);

  storage::Storage& storage_;
  UserDirectory& users_;
  SessionRegistry& sessions_;
  Outbox& outbox_;
  const NotifyPolicy notify_policy_;
  ChatMetrics& metrics_;
  const Clock& clock_;
  std::atomic<int64_t> next_timestamp_us_{0};
  BatchWorker<PendingSend> worker_;  // last: uses the above
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_APPEND_QUEUE_H_
