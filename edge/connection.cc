#include "edge/connection.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "edge/edge_thread.h"
#include "edge/ws/close_codes.h"
#include "edge/ws/handshake.h"
#include "services/base/protocol.h"

namespace chatter::edge {
namespace {

// Longer than the calls that answers are made of.
constexpr absl::Duration kAnswerDeadline = absl::Seconds(30);
constexpr absl::Duration kOpenDeadline = absl::Seconds(10);
// When somebody with too many connections may have closed some.
constexpr absl::Duration kManyConnectionsRetry = absl::Seconds(10);
constexpr int kMaxSilentPings = 2;

// Whether it looks like a ws token: the stream to the chat service carries text only, so
// that a stranger's bytes would end it for everybody.
bool IsWsToken(std::string_view token) {
  return token.size() == kWsTokenCharacters &&
         std::all_of(token.begin(), token.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' ||
                  c == '_';
         });
}

HttpAnswer BadToken() { return MessageAnswer(403, "The token is not valid"); }

HttpAnswer TooManyConnections() {
  return TooManyAnswer("There are too many connections from this address",
                       kManyConnectionsRetry);
}

}  // namespace

Connection::Connection(EdgeThread& thread, uint64_t id, TcpSocket socket,
                       const Peer& peer, bool admitted)
    : thread_(thread),
      id_(id),
      socket_(
          std::make_shared<Socket>(thread.socket_settings(), std::move(socket), *this)),
      counted_(admitted && !peer.is_proxy ? peer.address : kNoAddress),
      admitted_(admitted),
      http_(std::make_unique<Http>(
          HttpLimits{HttpLimits().header_bytes, thread.options().max_body_bytes}, peer)) {
}

Connection::~Connection() {
  socket_->Detach();
  thread_.limits().addresses.Remove(counted_);
  if (admitted_) {
    thread_.limits().Leave();
  } else {
    thread_.limits().EndRefusal();
  }
}

void Connection::Start() {
  SetDeadline(thread_.options().request_timeout);
  socket_->Start();
}

void Connection::Refuse(Admission why) {
  AnswerAndClose(why == Admission::kTooManyOfAddress ? TooManyConnections()
                                                     : UnavailableAnswer());
}

void Connection::SetDeadline(absl::Duration after) {
  deadline_.Set(thread_.wheel(), id_, thread_.loop().Now() + after);
}

void Connection::OnReminder(absl::Duration now) {
  if (!deadline_.HasPassed(thread_.wheel(), id_, now)) return;
  if (IsTakingAnswers()) return SetDeadline(thread_.options().request_timeout);
  switch (state_) {
    case State::kRequest:
      if (http_->reader.state() == HttpRequestReader::State::kPartial) {
        return AnswerAndClose(MessageAnswer(408, "The request took too long"));
      }
      return CloseAfterSending();
    case State::kAnswering:
    case State::kOpening:
      EndSession();
      return AnswerAndClose(UnavailableAnswer());
    case State::kOpen:
      if (closing_handshake_ || silent_pings_ == kMaxSilentPings) return socket_->Abort();
      ++silent_pings_;
      web_socket_->Ping();
      return SetDeadline(kPingInterval);
    case State::kClosing:
      return socket_->Abort();
    case State::kGone:
      return;
  }
}

// Whether a peer without a WebSocket has read some of what waits for it since the last
// deadline: a long answer may take as long as its reader goes on.
bool Connection::IsTakingAnswers() {
  if (http_ == nullptr || state_ == State::kGone) return false;
  const size_t now = socket_->waiting_bytes();
  const size_t before = std::exchange(http_->waiting_at_deadline, now);
  return now > 0 && (before == 0 || now < before);
}

void Connection::OnBytes(absl::Span<char> bytes) {
  thread_.metrics().bytes_in.Add(bytes.size());
  switch (state_) {
    case State::kRequest: {
      const bool was_idle = http_->reader.state() == HttpRequestReader::State::kIdle;
      http_->reader.Feed({bytes.data(), bytes.size()});
      if (was_idle && http_->reader.state() == HttpRequestReader::State::kPartial) {
        SetDeadline(thread_.options().request_timeout);
      }
      return Pump();
    }
    case State::kAnswering:
    case State::kOpening:
      // They wait; and more waits in the peer's own buffers.
      http_->reader.Feed({bytes.data(), bytes.size()});
      return socket_->PauseReading();
    case State::kOpen:
      silent_pings_ = 0;
      return ReadWebSocket(bytes);
    case State::kClosing:
    case State::kGone:
      return;
  }
}

void Connection::Pump() {
  if (http_->pumping) return;
  http_->pumping = true;
  while (state_ == State::kRequest) {
    if (socket_->waiting_bytes() > thread_.options().max_send_buffer_bytes) {
      // A peer that asks on without reading the answers: OnDrained goes on.
      socket_->PauseReading();
      socket_->TellWhenDrained();
      break;
    }
    const HttpRequestReader::State state = http_->reader.state();
    if (state == HttpRequestReader::State::kComplete) {
      HandleRequest();
    } else if (state == HttpRequestReader::State::kProblem) {
      const HttpProblem& problem = http_->reader.problem();
      AnswerAndClose(MessageAnswer(problem.status, problem.message));
    } else {
      if (http_->reader.TakeExpectsContinue()) SendBytes("HTTP/1.1 100 Continue\r\n\r\n");
      break;
    }
  }
  http_->pumping = false;
}

void Connection::HandleRequest() {
  const HttpRequest& request = http_->reader.request();
  http_->origin = request.Header("Origin");
  http_->keep_alive = request.keep_alive();
  http_->head_only = request.method() == "HEAD";
  http_->route = RouteOf(request.path());
  http_->begun = thread_.loop().Now();
  if (http_->route == Route::kWebSocket) {
    if (request.method() == "GET") return HandleHandshake(request);
    http_->route = Route::kOther;
  }
  state_ = State::kAnswering;
  SetDeadline(kAnswerDeadline);
  // The connection may be gone when the answer comes.
  thread_.rest().Handle(request, [thread = &thread_, id = id_](const HttpAnswer& answer) {
    Connection* const connection = thread->Find(id);
    if (connection != nullptr && connection->state_ == State::kAnswering) {
      connection->Answer(answer);
    }
  });
}

void Connection::HandleHandshake(const HttpRequest& request) {
  const std::optional<std::string> token = request.Query("token");
  if (!token.has_value() || token->empty()) {
    return Answer(MessageAnswer(403, "The token is missing"));
  }
  if (const std::optional<HttpAnswer> refusal = RefuseHandshake(request, thread_.cors());
      refusal.has_value()) {
    return Answer(*refusal);
  }
  if (!IsWsToken(*token)) return Answer(BadToken());
  if (!thread_.link().is_up() || going_away_) return Answer(UnavailableAnswer());
  if (const std::optional<HttpAnswer> refusal = CountHandshake(request);
      refusal.has_value()) {
    return Answer(*refusal);
  }
  state_ = State::kOpening;
  has_session_ = true;
  SetDeadline(kOpenDeadline);
  v1::ClientFrame& frame = thread_.scratch_frame();
  frame.Clear();
  frame.mutable_hello()->set_token(*token);
  thread_.link().SendFrame(id_, frame, token->size());
}

std::optional<HttpAnswer> Connection::CountHandshake(const HttpRequest& request) {
  EdgeLimits& limits = thread_.limits();
  const Peer& peer = http_->peer;
  const ClientAddress client =
      peer.is_proxy ? limits.proxies.ClientBehind(request.Header("X-Forwarded-For"))
                          .value_or(peer.address)
                    : peer.address;
  const absl::Duration wait = limits.handshakes.Take(client, thread_.loop().Now());
  if (wait > absl::ZeroDuration()) {
    thread_.metrics().CountRefusal(EdgeRefusal::kTooManyHandshakes);
    return TooManyAnswer("There are too many handshakes from this address", wait);
  }
  if (peer.is_proxy) {
    if (!limits.addresses.Add(client)) {
      thread_.metrics().CountRefusal(EdgeRefusal::kTooManyOfAddress);
      return TooManyConnections();
    }
    counted_ = client;
  }
  return std::nullopt;
}

void Connection::OnWelcome() {
  if (state_ != State::kOpening) return;
  state_ = State::kOpen;
  CountAnswer(101);
  thread_.metrics().http_connections.Add(-1);
  thread_.metrics().web_sockets.Add(1);
  web_socket_ = thread_.web_sockets().Make(*this);
  SendBytes(AcceptHandshake(http_->reader.request()));
  unread_ = http_->reader.TakeRest();
  http_.reset();
  SetDeadline(kPingInterval);
  ResumeReading();
}

void Connection::OnSessionRefused(bool bad_token) {
  if (state_ != State::kOpening) return;
  has_session_ = false;
  Answer(bad_token ? BadToken() : UnavailableAnswer());
}

void Connection::OnSessionEnded() {
  has_session_ = false;
  if (state_ == State::kOpening) return Answer(UnavailableAnswer());
  if (state_ == State::kOpen) {
    CloseWebSocket(close_code::kServiceRestart, "The service restarts");
  }
}

void Connection::OnLinkDown() {
  if (has_session_) OnSessionEnded();
}

void Connection::GoAway() {
  going_away_ = true;
  switch (state_) {
    case State::kRequest:
      if (http_->reader.state() != HttpRequestReader::State::kIdle) return;
      if (socket_->has_unread()) return SetDeadline(thread_.options().request_timeout);
      return CloseAfterSending();
    case State::kOpening:
      EndSession();
      return Answer(UnavailableAnswer());
    case State::kOpen:
      return CloseIfGoingAway();
    case State::kAnswering:
    case State::kClosing:
    case State::kGone:
      return;
  }
}

void Connection::Answer(const HttpAnswer& answer) {
  // A proxy's connection, whose next request may be another client's.
  if (http_->peer.is_proxy) {
    thread_.limits().addresses.Remove(std::exchange(counted_, kNoAddress));
  }
  const bool keep_alive = http_->keep_alive && !going_away_;
  std::string bytes;
  AppendAnswer(answer, thread_.cors(), http_->origin, http_->head_only, keep_alive,
               bytes);
  SendBytes(bytes);
  CountAnswer(answer.status);
  if (!keep_alive) return CloseAfterSending();
  state_ = State::kRequest;
  const HttpRequestReader::State next = http_->reader.Next();
  SetDeadline(next == HttpRequestReader::State::kIdle
                  ? thread_.options().keep_alive
                  : thread_.options().request_timeout);
  socket_->ResumeReading();
  Pump();
}

void Connection::CountAnswer(int status) {
  const Route route = std::exchange(http_->route, Route::kNone);
  thread_.metrics().CountAnswer(route, status);
  if (route != Route::kNone) {
    thread_.metrics().latency(route).Observe(thread_.loop().Now() - http_->begun);
  }
}

void Connection::AnswerAndClose(const HttpAnswer& answer) {
  http_->keep_alive = false;
  Answer(answer);
}

void Connection::SendBytes(std::string_view bytes) {
  thread_.metrics().bytes_out.Add(bytes.size());
  socket_->Send(bytes);
}

void Connection::OnDrained() {
  if (state_ != State::kRequest) return;
  socket_->ResumeReading();
  Pump();
}

void Connection::CloseAfterSending() {
  if (state_ == State::kGone) return;
  EndSession();
  state_ = State::kClosing;
  SetDeadline(kCloseDeadline);
  socket_->CloseAfterSending();
}

void Connection::EndSession() {
  if (std::exchange(has_session_, false)) thread_.link().SendEnd(id_);
}

void Connection::OnGone() {
  EndSession();
  EdgeThreadMetrics& metrics = thread_.metrics();
  if (state_ == State::kOpen && !closing_handshake_) metrics.closes_without_frame.Add();
  (web_socket_ == nullptr ? metrics.http_connections : metrics.web_sockets).Add(-1);
  state_ = State::kGone;
  thread_.Forget(id_);
}

}  // namespace chatter::edge
