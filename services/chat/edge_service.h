// EdgeService.Attach: the sessions of many users over one stream for each edge thread.
#ifndef CHATTER_SERVICES_CHAT_EDGE_SERVICE_H_
#define CHATTER_SERVICES_CHAT_EDGE_SERVICE_H_

#include <grpcpp/server_builder.h>

#include <cstddef>

#include "chatter/v1/edge.grpc.pb.h"
#include "services/chat/attach_stream.h"
#include "services/chat/rpc_loop.h"
#include "services/chat/session_frames.h"
#include "services/chat/stream_server.h"

namespace chatter::chat {

// Outlives the loop's thread.
class EdgeServiceImpl {
 public:
  EdgeServiceImpl(RpcLoop& loop, const SessionServices& services);

  void AddTo(grpc::ServerBuilder& builder) { builder.RegisterService(&service_); }
  // Once the server is built.
  void Start() { streams_.AcceptNext(); }

  size_t streams() const { return streams_.size(); }

  // Takes nothing more from the edges. What they sent before is in the append queue.
  void StopReading() { streams_.StopReading(); }
  // Tells every edge that its sessions are over, after all that is queued for them, and
  // ends the streams; cuts those that have not ended after `patience`.
  void EndStreams(absl::Duration patience) { streams_.EndStreams(patience); }

 private:
  v1::EdgeService::AsyncService service_;
  StreamServer<AttachStream> streams_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_EDGE_SERVICE_H_
