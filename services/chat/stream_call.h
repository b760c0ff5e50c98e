// A bidirectional stream that carries sessions: what Attach and Connect have in common.
#ifndef CHATTER_SERVICES_CHAT_STREAM_CALL_H_
#define CHATTER_SERVICES_CHAT_STREAM_CALL_H_

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/base/completion_tag.h"
#include "services/base/grpc_status.h"
#include "services/chat/rpc_loop.h"
#include "services/chat/session.h"

namespace chatter::chat {

// Reads are handled on the loop's thread; what is to be written comes from any thread.
// One read and one write are on their way at most; what is queued while a write is on its
// way goes out after it.
//
// When a read begins, gRPC tells the peer of the one before, in a packet of its own that
// wakes the peer for nothing; a write takes that along. So the read after a few messages
// waits for their answer.
template <typename Incoming, typename Outgoing>
class StreamCall : public SessionStream {
 public:
  using Rpc = grpc::ServerAsyncReaderWriter<Outgoing, Incoming>;
  using Gone = absl::AnyInvocable<void()>;

  // For the call's acceptance by gRPC.
  grpc::ServerContext& context() { return context_; }
  Rpc& rpc() { return rpc_; }
  // Before anything else, once the call is accepted. `gone` runs on the loop's thread
  // when no operation is left.
  void SetGone(Gone gone) { gone_ = std::move(gone); }

  // Begins: the call is taken.
  virtual void Start() = 0;
  // Ends every session, after what is queued has been written, since the service stops.
  virtual void End() = 0;

  void Flush() override ABSL_LOCKS_EXCLUDED(mutex_) {
    Action action;
    bool read_on;
    {
      absl::MutexLock lock(&mutex_);
      action = NextAction();
      flushed_ = true;
      read_on = std::exchange(read_waits_, false);
    }
    Perform(action);
    if (read_on) Read();
  }

  // Ignores whatever the client sends from now on. Any thread.
  void StopReading() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    stop_reading_ = true;
  }

  // Ends the stream after what is queued has been written. Any thread.
  void Finish(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    Action action;
    {
      absl::MutexLock lock(&mutex_);
      if (finish_wanted_) return;
      finish_wanted_ = true;
      final_status_ = ToGrpc(status);
      action = NextAction();
    }
    Perform(action);
  }

  // Of a stream that has gone.
  int final_code() const { return final_status_.error_code(); }

  // Cuts the stream. Any thread.
  void Cancel() { context_.TryCancel(); }

 protected:
  // What waits may have `max_waiting_bytes`. What is queued goes out together until that
  // has `batch_bytes`.
  StreamCall(RpcLoop& loop, size_t max_waiting_bytes, size_t batch_bytes)
      : loop_(loop),
        max_waiting_bytes_(max_waiting_bytes),
        batch_bytes_(batch_bytes),
        waiting_(1) {}

  // Says at once, and not only with the first message, that the call is taken. Before
  // anything is queued.
  void SendHeaders() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      headers_in_flight_ = true;
    }
    rpc_.SendInitialMetadata(&headers_tag_);
  }

  // Starts a read. Not while there is one.
  void Read() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (stop_reading_ || finish_wanted_) return;
      read_in_flight_ = true;
    }
    rpc_.Read(&incoming_, &read_tag_);
  }

  // Acts on what was read. An error ends the stream.
  virtual absl::Status Handle(Incoming& incoming) = 0;
  // Whether nobody loses when the next read begins with the answer to it, a Flush.
  virtual bool IsAnsweredSoon(const Incoming&) const { return false; }
  // The client has half-closed, or is gone.
  virtual void OnReadsOver() = 0;
  // Whether somebody is to call it back: until then it does not end.
  virtual bool IsAwaited() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return false; }
  // Whether there is nothing left to wait for, and the stream ends OK.
  virtual bool IsDone() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) = 0;
  // The stream ends, and its sessions with it.
  virtual void CloseSessions() ABSL_LOCKS_EXCLUDED(mutex_) = 0;

  // Where something of about this size is to be queued; null when it cannot be: the
  // stream ends, or too much waits already, so that it is cut.
  Outgoing* Admit(size_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (broken_ || finish_wanted_) return nullptr;
    if (waiting_bytes_ + bytes > max_waiting_bytes_) {
      broken_ = overflowed_ = true;
      waiting_.clear();
      waiting_.emplace_back();
      return nullptr;
    }
    if (waiting_.back().bytes >= batch_bytes_) waiting_.emplace_back();
    waiting_.back().bytes += bytes;
    waiting_bytes_ += bytes;
    return &waiting_.back().message;
  }

  absl::Mutex mutex_;

 private:
  // How long a read waits for an answer at most.
  static constexpr absl::Duration kReadPatience = absl::Milliseconds(100);

  struct Waiting {
    Outgoing message;
    size_t bytes = 0;
  };
  enum class Action { kNone, kWrite, kFinish, kCancel };

  void OnHeadersSent() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      headers_in_flight_ = false;
    }
    GoneIfIdle();
  }

  void OnRead(bool ok) ABSL_LOCKS_EXCLUDED(mutex_) {
    bool stop;
    {
      absl::MutexLock lock(&mutex_);
      read_in_flight_ = false;
      flushed_ = false;
      stop = stop_reading_ || finish_wanted_;
    }
    if (!ok) {
      OnReadsOver();
      Flush();
    } else if (!stop) {
      const bool answered_soon = IsAnsweredSoon(incoming_);
      const absl::Status status = Handle(incoming_);
      if (!status.ok()) {
        Finish(status);
      } else if (answered_soon) {
        ReadAfterAnswer();
      } else {
        Flush();
        Read();
      }
    }
    GoneIfIdle();
  }

  void ReadAfterAnswer() ABSL_LOCKS_EXCLUDED(mutex_) {
    bool answered;
    {
      absl::MutexLock lock(&mutex_);
      answered = flushed_;
      read_waits_ = !answered;
    }
    if (answered) return Read();
    // Not set anew for each message: a little patience is as good.
    if (std::exchange(patience_in_flight_, true)) return;
    patience_alarm_.Set(loop_.queue(), absl::ToChronoTime(absl::Now() + kReadPatience),
                        &patience_tag_);
  }

  void OnPatienceOver() ABSL_LOCKS_EXCLUDED(mutex_) {
    patience_in_flight_ = false;
    bool read_on;
    {
      absl::MutexLock lock(&mutex_);
      read_on = std::exchange(read_waits_, false);
    }
    if (read_on) Read();
    GoneIfIdle();
  }

  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (overflowed_) {
      overflowed_ = false;
      return Action::kCancel;
    }
    if (write_in_flight_ || finish_started_) return Action::kNone;
    Waiting& next = waiting_.front();
    if (!broken_ && next.bytes > 0) {
      write_in_flight_ = true;
      outgoing_.Swap(&next.message);
      waiting_bytes_ -= std::exchange(next.bytes, 0);
      if (waiting_.size() > 1) waiting_.pop_front();
      return Action::kWrite;
    }
    if ((finish_wanted_ || IsDone()) && !IsAwaited()) {
      finish_wanted_ = finish_started_ = true;
      return Action::kFinish;
    }
    return Action::kNone;
  }

  // Outside the lock: gRPC may send on this thread.
  void Perform(Action action) ABSL_LOCKS_EXCLUDED(mutex_) {
    while (action == Action::kWrite) action = Write();
    if (action == Action::kFinish) {
      CloseSessions();
      rpc_.Finish(final_status_, &finish_tag_);
    } else if (action == Action::kCancel) {
      Cancel();
    }
  }

  // Returns what is to be done next, unless the write takes its time.
  Action Write() ABSL_LOCKS_EXCLUDED(mutex_) {
    const std::optional<bool> written =
        loop_.StartBrief(write_tag_, [this] { rpc_.Write(outgoing_, &write_tag_); });
    return written.has_value() ? AfterWrite(*written) : Action::kNone;
  }

  Action AfterWrite(bool ok) ABSL_LOCKS_EXCLUDED(mutex_) {
    outgoing_.Clear();
    absl::MutexLock lock(&mutex_);
    write_in_flight_ = false;
    if (!ok) broken_ = true;
    return NextAction();
  }

  void OnFinished(bool ok) ABSL_LOCKS_EXCLUDED(mutex_) {
    // It has not been sent: the client is gone, or was cut.
    if (!ok) final_status_ = grpc::Status::CANCELLED;
    {
      absl::MutexLock lock(&mutex_);
      finish_done_ = true;
    }
    patience_alarm_.Cancel();
    GoneIfIdle();
  }

  // Of the loop's thread. There is no write on its way when it has finished.
  void GoneIfIdle() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      if (!finish_done_ || headers_in_flight_ || read_in_flight_) return;
    }
    if (!patience_in_flight_) gone_();
  }

  RpcLoop& loop_;
  const size_t max_waiting_bytes_;
  const size_t batch_bytes_;
  Gone gone_;
  grpc::ServerContext context_;
  Rpc rpc_{&context_};
  CompletionTag headers_tag_{[this](bool) { OnHeadersSent(); }};
  CompletionTag read_tag_{[this](bool ok) { OnRead(ok); }};
  CompletionTag write_tag_{[this](bool ok) { Perform(AfterWrite(ok)); }};
  CompletionTag finish_tag_{[this](bool ok) { OnFinished(ok); }};
  CompletionTag patience_tag_{[this](bool) { OnPatienceOver(); }};
  grpc::Alarm patience_alarm_;
  bool patience_in_flight_ = false;  // of the loop's thread

  Incoming incoming_;  // of the read on its way
  Outgoing outgoing_;  // of the write on its way
  grpc::Status final_status_;

  // Never empty. The last one is being filled; those before it are full.
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stop_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool headers_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool read_waits_ ABSL_GUARDED_BY(mutex_) = false;  // for an answer
  bool flushed_ ABSL_GUARDED_BY(mutex_) = false;     // since the last read
  bool write_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool overflowed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // a write failed, or it overflowed
  bool finish_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_started_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_done_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_STREAM_CALL_H_
