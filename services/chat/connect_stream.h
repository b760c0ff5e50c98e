// ChatService.Connect: one session of one user on a stream of its own.
#ifndef CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_
#define CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_

#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "services/chat/authenticator.h"
#include "services/chat/session.h"
#include "services/chat/session_frames.h"
#include "services/chat/stream_call.h"

namespace chatter::chat {

class ConnectStream : public StreamCall<v1::ClientFrame, v1::ServerFrame>,
                      public std::enable_shared_from_this<ConnectStream> {
 public:
  ConnectStream(RpcLoop& loop, const SessionServices& services,
                Authenticator& authenticator);

  void Start() override;
  // Says goaway, and ends UNAVAILABLE.
  void End() override ABSL_LOCKS_EXCLUDED(mutex_);

  void Enqueue(v1::Delivery& delivery) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status Handle(v1::ClientFrame& frame) override;
  void OnReadsOver() override ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsAwaited() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return authenticating_;
  }
  bool IsDone() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return half_closed_ && unanswered_ == 0;
  }
  void CloseSessions() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnAuthenticated(absl::StatusOr<UserRef> user) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status HandleFirst(const v1::ClientFrame& frame);

  const SessionServices& services_;
  Authenticator& authenticator_;
  UserRef user_;  // once authenticated
  std::shared_ptr<Session> session_ ABSL_GUARDED_BY(mutex_);
  int unanswered_ ABSL_GUARDED_BY(mutex_) = 0;  // sends
  bool authenticating_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CONNECT_STREAM_H_
