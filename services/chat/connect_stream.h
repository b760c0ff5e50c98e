// ChatService.Connect: one session of one user on a stream of its own.
#ifndef CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_
#define CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <cstddef>
#include <deque>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/frames.pb.h"
#include "services/chat/session.h"
#include "services/chat/session_frames.h"

namespace chatter::chat {

// Owns itself from construction until gRPC is done with the call.
class ConnectStream : public grpc::ServerBidiReactor<v1::ClientFrame, v1::ServerFrame>,
                      public SessionStream,
                      public std::enable_shared_from_this<ConnectStream> {
 public:
  using Gone = absl::AnyInvocable<void(ConnectStream*)>;

  // `gone` runs once, when the call is over.
  static std::shared_ptr<ConnectStream> Make(const SessionServices& services,
                                             grpc::CallbackServerContext* context,
                                             Gone gone);

  // Starts reading for this user, or ends the call with the error. Once.
  void OnAuthenticated(absl::StatusOr<UserRef> user) ABSL_LOCKS_EXCLUDED(mutex_);

  void Enqueue(v1::Delivery& delivery) override ABSL_LOCKS_EXCLUDED(mutex_);
  void Flush() override ABSL_LOCKS_EXCLUDED(mutex_);

  // Ignores whatever the client sends from now on.
  void StopReading() ABSL_LOCKS_EXCLUDED(mutex_);
  // Says goaway and ends the call, UNAVAILABLE, after all that is queued.
  void End() ABSL_LOCKS_EXCLUDED(mutex_);
  void Cancel() { context_->TryCancel(); }

 private:
  enum class Action { kNone, kWrite, kFinish, kCancel };

  ConnectStream(const SessionServices& services, grpc::CallbackServerContext* context,
                Gone gone);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void ReadNext() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status HandleFirst(const v1::ClientFrame& frame);
  void CloseSession();
  void FinishAfterWrites(const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  Action NextAction() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Perform(Action action) ABSL_LOCKS_EXCLUDED(mutex_);

  const SessionServices& services_;
  grpc::CallbackServerContext* const context_;
  Gone gone_;
  std::shared_ptr<ConnectStream> self_;  // until OnDone

  UserRef user_;              // once authenticated
  v1::ClientFrame incoming_;  // of the read on its way
  v1::ServerFrame outgoing_;  // of the write on its way
  grpc::Status final_status_;

  absl::Mutex mutex_;
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  std::deque<v1::ServerFrame> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int unanswered_ ABSL_GUARDED_BY(mutex_) = 0;  // sends
  bool stop_reading_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool write_in_flight_ ABSL_GUARDED_BY(mutex_) = false;
  bool overflowed_ ABSL_GUARDED_BY(mutex_) = false;
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_wanted_ ABSL_GUARDED_BY(mutex_) = false;
  bool finish_started_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_
