// EdgeService.Attach: the sessions of many users over one stream for each edge thread.
#ifndef CHATTER_SERVICES_CHAT_EDGE_SERVER_H_
#define CHATTER_SERVICES_CHAT_EDGE_SERVER_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "services/chat/attach_stream.h"
#include "services/chat/completion_tag.h"
#include "services/chat/session_frames.h"

namespace chatter::chat {

// Serves every Attach stream from one completion queue on one thread, which never
// blocks: reading, checking and queueing are all that it does.
//
// Life: construct, RegisterWith, build the server, Start; later Drain, shut the server
// down, Shutdown.
class EdgeServer {
 public:
  explicit EdgeServer(const SessionServices& services);
  ~EdgeServer();

  void RegisterWith(grpc::ServerBuilder& builder);
  void Start();

  // Takes nothing more from the edges. What they sent before is in the append queue.
  void StopReading() ABSL_LOCKS_EXCLUDED(mutex_);
  // Tells every edge that its sessions are over, after all that is queued for them, and
  // ends the streams; cuts those that have not ended after `patience`.
  void EndStreams(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);
  // After the server's own shutdown: ends the thread.
  void Shutdown();

 private:
  void AcceptNext();
  void OnAccepted(bool ok);
  void Poll();
  std::vector<std::shared_ptr<AttachStream>> Streams() ABSL_LOCKS_EXCLUDED(mutex_);

  const SessionServices services_;
  v1::EdgeService::AsyncService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::thread poller_;

  // Of the poller.
  CompletionTag accept_tag_{[this](bool ok) { OnAccepted(ok); }};
  std::shared_ptr<AttachStream> accepting_;
  std::shared_ptr<AttachStream> gone_;

  absl::Mutex mutex_;
  absl::flat_hash_map<AttachStream*, std::shared_ptr<AttachStream>> streams_
      ABSL_GUARDED_BY(mutex_);
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_EDGE_SERVER_H_
