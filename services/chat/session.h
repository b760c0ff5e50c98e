// A session is one connected client of one user, wherever it is connected.
#ifndef CHATTER_SERVICES_CHAT_SESSION_H_
#define CHATTER_SERVICES_CHAT_SESSION_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <utility>

#include "chatter/v1/edge.pb.h"
#include "services/base/protocol.h"
#include "services/chat/user.h"

namespace chatter::chat {

// What carries the frames of one or many sessions to their clients: an Attach stream or a
// Connect stream. Thread-safe.
class SessionStream {
 public:
  virtual ~SessionStream() = default;

  // Queues a delivery for sessions of this stream, in order, and leaves `delivery` in an
  // unspecified state fit to be filled again. Does not block and does not write: memory
  // only, so that a caller may hold locks. Ignored once the stream has ended. A stream
  // that has more waiting than its bound is ended.
  virtual void Enqueue(v1::Delivery& delivery) = 0;

  // Starts to write what is queued, if nothing is being written already; what is queued
  // meanwhile goes out together when that write is done. Hold no lock.
  virtual void Flush() = 0;
};

class Session {
 public:
  Session(UserRef user, std::shared_ptr<SessionStream> stream, uint64_t id)
      : user_(std::move(user)), stream_(std::move(stream)), id_(id) {}

  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  // As they were when the session opened; the registry knows the group of today.
  const UserRef& user() const { return user_; }
  SessionStream& stream() const { return *stream_; }
  // Unique on the stream, never 0.
  uint64_t id() const { return id_; }

  // Counts a send, which from now on is to be answered, if only by a refusal; false when
  // more are unanswered than there may be.
  bool BeginSend() {
    return unanswered_.fetch_add(1, std::memory_order_relaxed) < kMaxUnansweredSends;
  }
  // Call before the answer is queued: whoever reads the answer may send again.
  void EndSend() { unanswered_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  friend class SessionRegistry;

  const UserRef user_;
  const std::shared_ptr<SessionStream> stream_;
  const uint64_t id_;
  std::atomic<int> unanswered_{0};
  bool closed_ = false;  // the registry's, under its lock
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_SESSION_H_
