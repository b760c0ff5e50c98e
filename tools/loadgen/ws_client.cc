#include "tools/loadgen/ws_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/http_response.h"
#include "tools/loadgen/ws_frames.h"

namespace chatter::loadgen {
namespace {

// RFC 6455 section 1.3 has this pair.
constexpr absl::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr std::string_view kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
constexpr std::string_view kCloseNormal = "\x03\xE8";  // 1000
constexpr int kNoCode = 1005;
constexpr int kCut = 1006;
constexpr int kProtocolError = 1002;

int CodeOf(std::string_view payload) {
  if (payload.size() < 2) return kNoCode;
  return static_cast<uint8_t>(payload[0]) << 8 | static_cast<uint8_t>(payload[1]);
}

}  // namespace

void WsClient::Open(const Target& target, uint32_t from, std::string_view token,
                    Opened opened) {
  opened_ = std::move(opened);
  state_ = State::kConnecting;
  close_sent_ = false;
  request_ =
      absl::StrCat("GET /ws?token=", AbslView(token), " HTTP/1.1\r\nHost: ", target.text,
                   "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
                   kKey, "\r\n\r\n");
  tcp_.Connect(target.address, from);
}

void WsClient::OnConnected() { tcp_.Write(std::exchange(request_, {})); }

size_t WsClient::OnBytes(std::string_view bytes) {
  size_t used = 0;
  if (state_ == State::kConnecting) {
    used = ReadHandshake(bytes);
    if (used == 0) return 0;
  }
  std::string_view rest = bytes.substr(used);
  while (state_ == State::kOpen) {
    WsFrame frame;
    const WsParse parsed = TakeFrame(rest, frame);
    if (parsed == WsParse::kPartial) break;
    if (parsed == WsParse::kBad) {
      End(kProtocolError);
      break;
    }
    if (frame.opcode == Opcode::kText) {
      owner_.OnText(frame.payload);
    } else {
      HandleControl(frame.opcode, frame.payload);
    }
  }
  return bytes.size() - rest.size();
}

size_t WsClient::ReadHandshake(std::string_view bytes) {
  const absl::StatusOr<HttpResponse> response = ParseHttpResponse(bytes);
  if (absl::IsOutOfRange(response.status())) return 0;
  if (!response.ok()) {
    Refuse(response.status());
    return 0;
  }
  if (response->status != 101 || HeaderOf(*response, "sec-websocket-accept") != kAccept) {
    Refuse(absl::UnavailableError(absl::StrCat("a handshake was answered with ",
                                               response->status, ": ",
                                               AbslView(response->body))));
    return 0;
  }
  state_ = State::kOpen;
  std::exchange(opened_, nullptr)(absl::OkStatus());
  return response->size();
}

void WsClient::HandleControl(Opcode opcode, std::string_view payload) {
  std::string answer;
  if (opcode == Opcode::kPing) {
    AppendClientFrame(Opcode::kPong, payload, answer);
    tcp_.Write(answer);
    owner_.OnPing();
  } else if (opcode == Opcode::kClose) {
    const int code = CodeOf(payload);
    if (!close_sent_) {
      AppendClientFrame(Opcode::kClose, payload.substr(0, 2), answer);
      tcp_.Write(answer);
    }
    End(code);
  } else if (opcode == Opcode::kBinary) {
    End(kProtocolError);
  }
}

void WsClient::StartClose() {
  if (state_ != State::kOpen || close_sent_) return;
  close_sent_ = true;
  std::string frame;
  AppendClientFrame(Opcode::kClose, kCloseNormal, frame);
  tcp_.Write(frame);
}

void WsClient::Cut() {
  state_ = State::kClosed;
  opened_ = nullptr;
  tcp_.Close();
}

void WsClient::OnDisconnected(const absl::Status& why) {
  if (state_ == State::kConnecting) {
    Refuse(absl::UnavailableError(
        absl::StrCat("a handshake got no answer: ", why.message())));
  } else {
    End(kCut);
  }
}

void WsClient::Refuse(const absl::Status& why) {
  state_ = State::kClosed;
  tcp_.Close();
  std::exchange(opened_, nullptr)(why);
}

void WsClient::End(int code) {
  state_ = State::kClosed;
  tcp_.Close();
  owner_.OnClosed(code);
}

}  // namespace chatter::loadgen
