#include "tests/support/web_socket_client.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"

namespace chatter::testing {
namespace {

constexpr int kNoCode = 1005;
constexpr int kCut = 1006;

void AppendBigEndian(uint64_t value, int bytes, std::string& out) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    out.push_back(static_cast<char>(value >> shift));
  }
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

HeaderLines HandshakeHeaders() {
  return {"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13",
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="};
}

std::unique_ptr<WebSocketClient> WebSocketClient::Connect(const Server& server,
                                                          const std::string& token,
                                                          HttpReply* refusal,
                                                          const HeaderLines& more_headers,
                                                          int receive_buffer_bytes) {
  HeaderLines headers = HandshakeHeaders();
  headers.insert(headers.end(), more_headers.begin(), more_headers.end());
  auto connection = std::make_unique<HttpConnection>(server, receive_buffer_bytes);
  connection->tcp().Send(RequestText("GET", "/ws?token=" + token, headers));
  HttpReply reply = connection->Read().value_or(HttpReply());
  if (reply.status != 101) {
    if (refusal != nullptr) *refusal = std::move(reply);
    return nullptr;
  }
  // RFC 6455 section 1.3 has this pair.
  CHECK_EQ(reply.headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  CHECK_EQ(reply.headers.count("sec-websocket-extensions"), 0u);
  return std::unique_ptr<WebSocketClient>(new WebSocketClient(std::move(connection)));
}

bool WebSocketClient::SendFrame(Opcode opcode, std::string_view payload, bool final,
                                bool masked) {
  std::string frame;
  frame.push_back(static_cast<char>((final ? 0x80 : 0) | static_cast<int>(opcode)));
  const int mask_bit = masked ? 0x80 : 0;
  if (payload.size() < 126) {
    frame.push_back(static_cast<char>(mask_bit | static_cast<int>(payload.size())));
  } else if (payload.size() < 65536) {
    frame.push_back(static_cast<char>(mask_bit | 126));
    AppendBigEndian(payload.size(), 2, frame);
  } else {
    frame.push_back(static_cast<char>(mask_bit | 127));
    AppendBigEndian(payload.size(), 8, frame);
  }
  if (masked) {
    const std::string_view mask = "\x12\x34\x56\x78";
    frame.append(mask);
    for (size_t i = 0; i < payload.size(); ++i) {
      frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
    }
  } else {
    frame.append(payload);
  }
  return tcp().Send(frame);
}

bool WebSocketClient::SendMessage(const std::string& to, const std::string& text) {
  return SendText(OldMessage(to, text));
}

bool WebSocketClient::Fill(size_t bytes) {
  while (buffer_.size() < bytes) {
    if (!tcp().Receive(buffer_)) return false;
  }
  return true;
}

Frame WebSocketClient::ReadAny() {
  const Frame cut{Opcode::kClose, "", kCut};
  if (closed_ || !Fill(2)) return cut;
  const auto first = static_cast<uint8_t>(buffer_[0]);
  const auto second = static_cast<uint8_t>(buffer_[1]);
  CHECK_EQ(first & 0x70, 0) << "a reserved bit is set";
  CHECK_EQ(second & 0x80, 0) << "a server's frame is masked";
  CHECK_NE(first & 0x80, 0) << "a server's frame is fragmented";
  size_t header = 2;
  size_t length = second & 0x7F;
  if (length >= 126) {
    header += length == 126 ? 2 : 8;
    if (!Fill(header)) return cut;
    length = BigEndian(std::string_view(buffer_).substr(2, header - 2));
  }
  if (!Fill(header + length)) return cut;
  Frame frame{static_cast<Opcode>(first & 0x0F), buffer_.substr(header, length)};
  buffer_.erase(0, header + length);
  if (frame.opcode == Opcode::kClose) {
    closed_ = true;
    SendFrame(Opcode::kClose, frame.payload.substr(0, 2));
    frame.close_code =
        length < 2 ? kNoCode : static_cast<int>(BigEndian(frame.payload.substr(0, 2)));
  }
  return frame;
}

Frame WebSocketClient::Read() {
  while (true) {
    Frame frame = ReadAny();
    if (frame.opcode == Opcode::kPing) {
      SendFrame(Opcode::kPong, frame.payload);
    } else if (frame.opcode != Opcode::kPong) {
      return frame;
    }
  }
}

rapidjson::Document WebSocketClient::ReadJson() {
  const Frame frame = Read();
  rapidjson::Document json;
  if (frame.opcode == Opcode::kClose) {
    json.SetObject().AddMember("closed", frame.close_code, json.GetAllocator());
    return json;
  }
  CHECK(frame.opcode == Opcode::kText);
  json.Parse(frame.payload);
  CHECK(json.IsObject()) << frame.payload;
  return json;
}

rapidjson::Document WebSocketClient::ReadJsonWith(const char* member) {
  while (true) {
    rapidjson::Document json = ReadJson();
    if (json.HasMember(member) || json.HasMember("closed")) return json;
  }
}

int WebSocketClient::ReadUntilClosed() {
  while (true) {
    const Frame frame = Read();
    if (frame.opcode == Opcode::kClose) return frame.close_code;
  }
}

bool WebSocketClient::IsReadable(absl::Duration within) {
  return !buffer_.empty() || tcp().IsReadable(within);
}

std::string JsonString(std::string_view text) {
  rapidjson::StringBuffer out;
  rapidjson::Writer<rapidjson::StringBuffer> writer(out);
  writer.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
  return out.GetString();
}

std::string OldMessage(const std::string& to, const std::string& text) {
  return absl::StrCat("{\"username_to\":", JsonString(to),
                      ",\"message\":", JsonString(text), "}");
}

}  // namespace chatter::testing
