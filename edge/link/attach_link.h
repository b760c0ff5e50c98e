// An edge thread's stream to the chat service.
#ifndef CHATTER_EDGE_LINK_ATTACH_LINK_H_
#define CHATTER_EDGE_LINK_ATTACH_LINK_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_stream.h>

#include <asio/steady_timer.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>

#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "chatter/v1/edge.grpc.pb.h"
#include "edge/link/chat_connection.h"
#include "edge/link/send_pacer.h"
#include "services/base/completion_tag.h"

namespace chatter::edge {

// One Attach stream. When it ends its connection is made anew, with backoff. One write is
// on its way at most; what is queued meanwhile goes out together after it. Belongs to the
// connection's loop.
class AttachLink {
 public:
  class Handler {
   public:
    virtual ~Handler() = default;
    // The stream is there: sessions can be opened.
    virtual void OnLinkUp() = 0;
    // May be emptied.
    virtual void OnDeliveries(v1::ChatBatch& batch) = 0;
    // The stream has ended, and its sessions with it.
    virtual void OnLinkDown() = 0;
  };

  AttachLink(ChatConnection& connection, Handler& handler);
  // Stop must have ended, or Start never been called.
  ~AttachLink() = default;
  AttachLink(const AttachLink&) = delete;
  AttachLink& operator=(const AttachLink&) = delete;

  void Start() { Connect(); }
  bool is_up() const { return state_ == State::kUp; }

  // Queue events for the chat service; ignored while the link is down. SendFrame may
  // empty the frame, which holds about `bytes` of text.
  void SendFrame(uint64_t session, v1::ClientFrame& frame, size_t bytes);
  void SendEnd(uint64_t session);
  // How much waits, in bytes, about.
  size_t waiting_bytes() const { return waiting_bytes_; }
  // Starts to write what is queued, unless a write is on its way. At the end of every
  // turn of the loop but those within a pause: a write that is on its way goes on by it,
  // too. How long the loop is to pause now, so that more gathers for the next flush: see
  // SendPacer.
  absl::Duration Flush(absl::Duration now);

  // Cuts the stream for good; `stopped` runs when it is gone.
  void Stop(std::function<void()> stopped);

 private:
  enum class State { kDown, kConnecting, kStarting, kUp, kEnding };
  struct WaitingBatch {
    v1::EdgeBatch batch;
    size_t bytes = 0;
  };
  struct Stream {
    std::unique_ptr<v1::EdgeService::Stub> stub;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientAsyncReaderWriter<v1::EdgeBatch, v1::ChatBatch>> rpc;
    grpc::Status status;
  };

  void Connect();
  void OnConnected(const absl::Status& status);
  void OnStarted(bool ok);
  void OnTaken(bool ok);
  void OnRead(bool ok);
  void Write();
  void OnWritten();
  void OnFinished();
  void StartRead();
  void ReadOn();
  void Finish();
  // Once no operation is on its way.
  void ForgetStreamIfIdle();
  void OnDown(const std::string& why);
  v1::EdgeEvent* AddEvent(uint64_t session, size_t bytes);

  ChatConnection& connection_;
  Handler& handler_;
  asio::steady_timer retry_timer_;
  absl::BitGen random_;
  absl::Duration backoff_;
  CompletionTag started_tag_{[this](bool ok) { OnStarted(ok); }};
  CompletionTag taken_tag_{[this](bool ok) { OnTaken(ok); }};
  CompletionTag read_tag_{[this](bool ok) { OnRead(ok); }};
  // After a failed write the read fails as well, and ends the stream.
  CompletionTag write_tag_{[this](bool) { OnWritten(); }};
  CompletionTag finish_tag_{[this](bool) { OnFinished(); }};

  State state_ = State::kDown;
  std::unique_ptr<Stream> stream_;
  v1::ChatBatch incoming_;
  v1::EdgeBatch outgoing_;
  std::deque<WaitingBatch> waiting_;  // never empty; the last one is being filled
  size_t waiting_bytes_ = 0;
  SendPacer pacer_;
  bool pausing_ = false;
  bool read_in_flight_ = false;
  bool write_in_flight_ = false;
  bool finished_ = false;
  bool stopping_ = false;
  std::function<void()> stopped_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_ATTACH_LINK_H_
