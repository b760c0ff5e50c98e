// One Attach stream: the sessions of one edge thread.
#ifndef CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_
#define CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "services/chat/completion_tag.h"
#include "services/chat/session.h"
#include "services/chat/session_frames.h"

namespace chatter::chat {

// Reads and completions are handled on the completion queue's thread; deliveries come
// from any thread. One read and one write are on their way at most; what is queued while
// a write is on its way makes up the next batch.
class AttachStream : public SessionStream,
                     public std::enable_shared_from_this<AttachStream> {
 public:
  using Gone = absl::AnyInvocable<void(AttachStream*)>;

  // `gone` runs on the completion queue's thread when no operation is left.
  AttachStream(const SessionServices& services, Gone gone);

  // For the call's acceptance by gRPC.
  grpc::ServerContext& context() { return context_; }
  grpc::ServerAsyncReaderWriter<v1::ChatBatch, v1::EdgeBatch>& stream() {
    return stream_;
  }

  // Once accepted: reads the first batch.
  void Start();

  void Enqueue(v1::Delivery& delivery) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Flush() override ABSL_LOCKS_EXCLUDED(mutex_);

  // Ignores whatever the edge sends from now on. Any thread.
  void StopReading() ABSL_LOCKS_EXCLUDED(mutex_);
  // Closes every session, GOING_AWAY, and ends the stream after all that is queued has
  // been written. Any thread.
  void End() ABSL_LOCKS_EXCLUDED(mutex_, sessions_mutex_);
  // Ends the stream after what is queued has been written. Any thread.
  void Finish(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  // Cuts the stream. Any thread.
  void Cancel() { context_.TryCancel(); }

 private:
  struct WaitingBatch {
    v1::ChatBatch batch;
    size_t bytes = 0;
  };
  enum class Action { kNone, kWrite, kFinish, kCancel };

  void OnRead(bool ok);
  void OnWritten(bool ok);
  void OnFinished(bool ok);

  absl::Status HandleEvent(v1::EdgeEvent& event);
  absl::Status HandleHello(uint64_t id, const v1::Hello& hello);
  void OnRedeemed(uint64_t id, absl::StatusOr<UserRef> user);
  void RefuseSession(uint64_t id, v1::SessionClosed::Reason reason);
  void CloseSession(uint64_t id);
  // Returns the numbers of those that there were.
  std::vector<uint64_t> CloseAllSessions();

  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(Action action) ABSL_LOCKS_EXCLUDED(mutex_);
  void GoneIfIdle() ABSL_LOCKS_EXCLUDED(mutex_);

  const SessionServices& services_;
  Gone gone_;
  grpc::ServerContext context_;
  grpc::ServerAsyncReaderWriter<v1::ChatBatch, v1::EdgeBatch> stream_{&context_};
  CompletionTag read_tag_{[this](bool ok) { OnRead(ok); }};
  CompletionTag write_tag_{[this](bool ok) { OnWritten(ok); }};
  CompletionTag finish_tag_{[this](bool ok) { OnFinished(ok); }};

  v1::EdgeBatch incoming_;  // of the read on its way
  v1::ChatBatch outgoing_;  // of the write on its way
  grpc::Status final_status_;

  absl::Mutex sessions_mutex_;
  // By the edge's number; null until the token is redeemed.
  absl::flat_hash_map<uint64_t, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(sessions_mutex_);

  absl::Mutex mutex_;
  // The last one is being filled; those before it are full.
  std::deque<WaitingBatch> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool overflowed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a write failed, or it overflowed
  bool finish_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_started_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_
