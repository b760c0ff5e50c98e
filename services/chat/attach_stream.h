// One Attach stream: the sessions of one edge thread.
#ifndef CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_
#define CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "services/chat/session.h"
#include "services/chat/session_frames.h"
#include "services/chat/stream_call.h"

namespace chatter::chat {

class AttachStream : public StreamCall<v1::EdgeBatch, v1::ChatBatch>,
                     public std::enable_shared_from_this<AttachStream> {
 public:
  AttachStream(RpcLoop& loop, const SessionServices& services);

  void Start() override;
  // Closes every session, GOING_AWAY.
  void End() override ABSL_LOCKS_EXCLUDED(mutex_, sessions_mutex_);

  void Enqueue(v1::Delivery& delivery) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::Status Handle(v1::EdgeBatch& batch) override;
  bool IsAnsweredSoon(const v1::EdgeBatch& batch) const override;
  void OnReadsOver() override { Finish(absl::OkStatus()); }
  bool IsDone() const override { return false; }
  void CloseSessions() override { CloseAllSessions(); }

  absl::Status HandleEvent(v1::EdgeEvent& event);
  absl::Status HandleHello(uint64_t id, const v1::Hello& hello);
  void OnRedeemed(uint64_t id, absl::StatusOr<std::optional<storage::User>> user);
  void RefuseSession(uint64_t id, v1::SessionClosed::Reason reason);
  void CloseSession(uint64_t id);
  // Returns the numbers of those that there were.
  std::vector<uint64_t> CloseAllSessions();

  const SessionServices& services_;
  absl::Mutex sessions_mutex_;
  // By the edge's number; null until the token is redeemed.
  absl::flat_hash_map<uint64_t, std::shared_ptr<Session>> sessions_
      ABSL_GUARDED_BY(sessions_mutex_);
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ATTACH_STREAM_H_
