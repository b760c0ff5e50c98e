// What a connection does as a WebSocket.
#include <string>
#include <utility>

#include "edge/connection.h"
#include "edge/edge_thread.h"
#include "edge/ws/close_codes.h"
#include "services/base/protocol.h"

namespace chatter::edge {
namespace {

constexpr int kMaxBadFramesInARow = 10;

}  // namespace

void Connection::ReadWebSocket(absl::Span<char> bytes) {
  const size_t taken = IsBusy() ? 0 : web_socket_->Read(bytes);
  if (taken == bytes.size() || state_ != State::kOpen) return;
  unread_.append(bytes.data() + taken, bytes.size() - taken);
  socket_->PauseReading();
  if (thread_.LinkIsFull()) thread_.ResumeWhenLinkHasRoom(id_);
}

// Until then nothing more is read, so that the answers come to an end.
void Connection::CloseIfGoingAway() {
  if (!going_away_ || unanswered_ > 0) return;
  CloseWebSocket(close_code::kGoingAway, "The service restarts");
}

bool Connection::IsBusy() const {
  return unanswered_ >= kMaxUnansweredSends || thread_.LinkIsFull() ||
         (going_away_ && !closing_handshake_);
}

void Connection::OnAnswered() {
  --unanswered_;
  CloseIfGoingAway();
  if (!unread_.empty() && unanswered_ == kMaxUnansweredSends / 2) ResumeReading();
}

void Connection::ResumeReading() {
  if (state_ != State::kOpen) return;
  std::string unread = std::exchange(unread_, {});
  ReadWebSocket(absl::MakeSpan(unread));
  if (unread_.empty() && state_ == State::kOpen) socket_->ResumeReading();
}

void Connection::SendFrame(std::string_view frame) {
  thread_.metrics().frames_out.Add();
  web_socket_->Send(frame);
}

bool Connection::OnMessage(std::string_view payload, bool binary) {
  thread_.metrics().frames_in.Add();
  if (!has_open_session()) return true;
  v1::ClientFrame& frame = thread_.scratch_frame();
  frame.Clear();
  if (!codec_->Decode(payload, binary, frame)) {
    OnBadFrame();
    return true;
  }
  bad_frames_in_a_row_ = 0;
  if (frame.has_send()) ++unanswered_;
  thread_.link().SendFrame(id_, frame, payload.size());
  return !IsBusy();
}

void Connection::OnBadFrame() {
  thread_.metrics().bad_frames.Add();
  v1::ServerFrame frame;
  frame.mutable_error()->set_code(std::string(error_code::kBadFrame));
  frame.mutable_error()->set_message("This is not a message of the protocol");
  std::string payload;
  codec_->Encode(frame, payload);
  std::string encoded;
  AppendTextFrame(payload, encoded);
  SendFrame(encoded);
  if (++bad_frames_in_a_row_ == kMaxBadFramesInARow) {
    CloseWebSocket(close_code::kPolicyViolation, "Too many bad frames");
  }
}

void Connection::OnClosing(std::optional<uint16_t> code) {
  if (closing_handshake_) return;
  thread_.metrics().CountClose(code);
  closing_handshake_ = true;
  EndSession();
  SetDeadline(kCloseDeadline);
}

void Connection::OnClosed() { CloseAfterSending(); }

void Connection::CloseWebSocket(uint16_t code, const std::string& reason) {
  if (closing_handshake_) return;
  web_socket_->Close(code, reason);
  OnClosing(code);
  // The peer's answer to the close is still to be read.
  std::string().swap(unread_);
  socket_->ResumeReading();
}

void Connection::OnBackedUp() {
  // Answers are asked for; frames come by themselves, and pile up.
  if (state_ != State::kOpen) return;
  socket_->DropWaitingChunks();
  CloseWebSocket(close_code::kTryAgainLater, "Too slow");
  CloseAfterSending();
}

}  // namespace chatter::edge
