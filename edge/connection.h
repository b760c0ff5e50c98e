// One client's connection, from its first byte to its last.
#ifndef CHATTER_EDGE_CONNECTION_H_
#define CHATTER_EDGE_CONNECTION_H_

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "chatter/v1/frames.pb.h"
#include "edge/edge_metrics.h"
#include "edge/http/answer.h"
#include "edge/http/request.h"
#include "edge/limits/edge_limits.h"
#include "edge/net/deadline_wheel.h"
#include "edge/net/socket.h"
#include "edge/ws/frame_codec.h"
#include "edge/ws/web_socket.h"

namespace chatter::edge {

class EdgeThread;

// Speaks HTTP, one request at a time, until a handshake makes it a WebSocket with a
// session at the chat service. Belongs to its edge thread, as does everything it touches.
class Connection : public Socket::Owner, public WebSocket::Owner {
 public:
  // `id` is never used again on this thread: it is also the session's number on the link.
  // `admitted`, or being refused: the limits are told the end of either.
  Connection(EdgeThread& thread, uint64_t id, TcpSocket socket, const Peer& peer,
             bool admitted);
  ~Connection() override;

  uint64_t id() const { return id_; }
  void Start();
  // Says that it was not admitted, and closes.
  void Refuse(Admission why);

  // Of the chat service, for this connection's session.
  void OnWelcome();
  void OnSessionRefused(bool bad_token);
  void OnSessionEnded();
  // One of its sends has been answered.
  void OnAnswered();
  const FrameCodec& codec() const { return *codec_; }
  bool has_open_session() const { return state_ == State::kOpen && !closing_handshake_; }
  // A whole frame.
  void SendFrame(std::string_view frame);

  // The link has gone, and the session with it.
  void OnLinkDown();
  // The edge stops: a request on its way is answered, and what a WebSocket has sent;
  // then it closes.
  void GoAway();
  // The link has room again.
  void ResumeReading();

  // The wheel's reminder. Acts when the connection's own deadline has passed.
  void OnReminder(absl::Duration now);

 private:
  enum class State {
    kRequest,    // waits for a request, or for the rest of one
    kAnswering,  // the answer to a request is being made
    kOpening,    // a handshake waits for its session
    kOpen,       // a WebSocket
    kClosing,    // the last bytes go out
    kGone,
  };
  // For the last bytes, and for the peer's answer to a close.
  static constexpr absl::Duration kCloseDeadline = absl::Seconds(5);

  void OnBytes(absl::Span<char> bytes) override;
  void OnGone() override;
  void OnBackedUp() override;
  void OnDrained() override;
  void SendBytes(std::string_view bytes) override;
  bool OnMessage(std::string_view payload, bool binary) override;
  void OnClosing(std::optional<uint16_t> code) override;
  void OnClosed() override;

  // Answers complete requests, until one waits for its answer or there are no more.
  void Pump();
  void HandleRequest();
  void HandleHandshake(const HttpRequest& request);
  // Counts a handshake, and for a proxy's client the connection; the answer when that is
  // too much.
  std::optional<HttpAnswer> CountHandshake(const HttpRequest& request);
  void ReadWebSocket(absl::Span<char> bytes);
  void Answer(const HttpAnswer& answer);
  void AnswerAndClose(const HttpAnswer& answer);
  // Of the request, or the refusal of what was none.
  void CountAnswer(int status);
  void EndSession();
  void OnBadFrame();
  void CloseIfGoingAway();
  void CloseWebSocket(uint16_t code, const std::string& reason);
  void CloseAfterSending();
  bool IsBusy() const;
  bool IsTakingAnswers();
  void SetDeadline(absl::Duration after);

  EdgeThread& thread_;
  const uint64_t id_;
  const std::shared_ptr<Socket> socket_;
  State state_ = State::kRequest;
  Deadline deadline_;
  ClientAddress counted_ = kNoAddress;  // by the limits, as this one's connection
  const bool admitted_;
  bool going_away_ = false;

  // What it needs while it speaks HTTP: a WebSocket has none of it.
  struct Http {
    Http(const HttpLimits& limits, const Peer& from) : reader(limits), peer(from) {}

    HttpRequestReader reader;
    const Peer peer;
    std::string origin;
    size_t waiting_at_deadline = 0;  // for the peer, when a deadline passed last
    absl::Duration begun;            // the request, when there is a route
    Route route = Route::kNone;
    bool keep_alive = false;
    bool head_only = false;
    bool pumping = false;
  };
  std::unique_ptr<Http> http_;

  // Once it is a WebSocket.
  std::unique_ptr<WebSocket> web_socket_;
  const FrameCodec* codec_ = &OldFrames();
  std::string unread_;        // what the peer sent while it was too busy
  bool has_session_ = false;  // which the chat service must be told the end of
  bool closing_handshake_ = false;
  int unanswered_ = 0;
  int bad_frames_in_a_row_ = 0;
  int silent_pings_ = 0;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_CONNECTION_H_
