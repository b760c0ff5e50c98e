#include "edge/ws/web_socket.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "edge/ws/close_codes.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

constexpr size_t kMaxMessage = 70'000;

constexpr int kContinuation = 0;
constexpr int kText = 1;
constexpr int kBinary = 2;
constexpr int kClose = 8;
constexpr int kPing = 9;
constexpr int kPong = 10;

// RFC 6455 section 5.2.
std::string Frame(int opcode, std::string_view payload, bool fin = true,
                  bool masked = true) {
  std::string bytes(1, static_cast<char>((fin ? 0x80 : 0) | opcode));
  const size_t size = payload.size();
  const int mask_bit = masked ? 0x80 : 0;
  if (size < 126) {
    bytes += static_cast<char>(mask_bit | static_cast<int>(size));
  } else if (size < 65536) {
    bytes += static_cast<char>(mask_bit | 126);
    bytes += {static_cast<char>(size >> 8), static_cast<char>(size & 0xFF)};
  } else {
    bytes += static_cast<char>(mask_bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) {
      bytes += static_cast<char>((size >> shift) & 0xFF);
    }
  }
  if (!masked) return bytes.append(payload);
  const std::string key = "\x01\x80\x7F\xAA";
  bytes += key;
  for (size_t i = 0; i < size; ++i) {
    bytes += static_cast<char>(payload[i] ^ key[i % 4]);
  }
  return bytes;
}

std::string Server(int opcode, std::string_view payload) {
  return Frame(opcode, payload, true, false);
}

std::string CloseFrame(uint16_t code, std::string_view reason = "") {
  std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return Server(kClose, payload.append(reason));
}

class WebSocketTest : public ::testing::Test, public WebSocket::Owner {
 protected:
  void SendBytes(std::string_view bytes) override { sent_.append(bytes); }
  bool OnMessage(std::string_view payload, bool binary) override {
    messages_.emplace_back(binary ? "binary " : "text ").append(payload);
    return static_cast<int>(messages_.size()) != stop_after_;
  }
  void OnClosing(std::optional<uint16_t> code) override {
    events_ += code.has_value() ? absl::StrCat("closing:", *code, " ") : "closing ";
  }
  void OnClosed() override { events_ += "closed "; }

  size_t Read(std::string bytes) { return socket_->Read(absl::MakeSpan(bytes)); }
  // What the code of the close frame is that has been sent last; 0: none.
  int CodeSent() const {
    if (sent_.size() < 4 || static_cast<unsigned char>(sent_[0]) != 0x88) return 0;
    return static_cast<unsigned char>(sent_[2]) << 8 |
           static_cast<unsigned char>(sent_[3]);
  }

  const std::unique_ptr<WebSocketEngine> engine_ = MakeWebSocketEngine(kMaxMessage);
  const std::unique_ptr<WebSocket> socket_ = engine_->Make(*this);
  int stop_after_ = 0;  // messages; 0: never
  std::string sent_;
  std::vector<std::string> messages_;
  std::string events_;
};

using Messages = std::vector<std::string>;

TEST_F(WebSocketTest, ReadsMessagesOfEverySize) {
  for (const size_t size : {0, 1, 125, 126, 65535, 65536}) {
    messages_.clear();
    const std::string payload(size, 'x');
    EXPECT_EQ(Read(Frame(kText, payload) + Frame(kBinary, payload)),
              Frame(kText, payload).size() + Frame(kBinary, payload).size());
    EXPECT_EQ(messages_, (Messages{"text " + payload, "binary " + payload})) << size;
  }
  EXPECT_EQ(sent_, "");
}

TEST_F(WebSocketTest, ReadsByteByByteOfTwoSocketsInTurn) {
  const std::unique_ptr<WebSocket> other = engine_->Make(*this);
  const std::string bytes =
      Frame(kText, "one") + Frame(kText, "", false) + Frame(kContinuation, "two");
  for (char byte : bytes) {
    EXPECT_EQ(Read(std::string(1, byte)), 1u);
    EXPECT_EQ(other->Read(absl::MakeSpan(&byte, 1)), 1u);
  }
  EXPECT_EQ(messages_, (Messages{"text one", "text one", "text two", "text two"}));
}

TEST_F(WebSocketTest, PartsOfOneSocketDoNotMixWithAnothersMessages) {
  const std::unique_ptr<WebSocket> other = engine_->Make(*this);
  const std::string message = Frame(kText, "a message in two reads");
  std::string first = message.substr(0, 12);
  other->Read(absl::MakeSpan(first));
  Read(Frame(kText, "in ", false) + Frame(kPing, "!"));
  std::string rest = message.substr(12);
  other->Read(absl::MakeSpan(rest));
  Read(Frame(kContinuation, "parts"));
  EXPECT_EQ(messages_, (Messages{"text a message in two reads", "text in parts"}));
  EXPECT_EQ(sent_, Server(kPong, "!"));
}

TEST_F(WebSocketTest, StopsWhenTheOwnerWantsNoMore) {
  stop_after_ = 1;
  const std::string bytes = Frame(kText, "one") + Frame(kText, "two");
  const size_t taken = Read(bytes);
  EXPECT_EQ(taken, Frame(kText, "one").size());
  EXPECT_EQ(messages_, Messages{"text one"});
  EXPECT_EQ(Read(bytes.substr(taken)), bytes.size() - taken);
  EXPECT_EQ(messages_, (Messages{"text one", "text two"}));
}

TEST_F(WebSocketTest, SendsTextsOfEverySize) {
  for (const size_t size : {0, 125, 126, 65535, 65536}) {
    const std::string payload(size, 'x');
    std::string frame;
    AppendTextFrame(payload, frame);
    EXPECT_EQ(frame, Server(kText, payload)) << size;
  }
}

TEST_F(WebSocketTest, AnswersPingsAndIgnoresPongs) {
  Read(Frame(kPing, "payload") + Frame(kPong, "whatever"));
  EXPECT_EQ(sent_, Server(kPong, "payload"));
  socket_->Ping();
  EXPECT_EQ(sent_, Server(kPong, "payload") + Server(kPing, ""));
}

TEST_F(WebSocketTest, AnswersACloseWithItsCodeAndIsOver) {
  Read(Frame(kClose, "\x03\xE9why") + Frame(kText, "late"));
  EXPECT_EQ(sent_, CloseFrame(close_code::kGoingAway));
  EXPECT_EQ(events_, "closing closed ");
  socket_->Send(Server(kText, "late"));
  EXPECT_EQ(sent_, CloseFrame(close_code::kGoingAway));
  EXPECT_EQ(messages_, Messages{});
}

TEST_F(WebSocketTest, AnswersACloseWithoutACode) {
  Read(Frame(kClose, ""));
  EXPECT_EQ(sent_, Server(kClose, ""));
  EXPECT_EQ(events_, "closing closed ");
}

TEST_F(WebSocketTest, RefusesACloseThatIsMalformed) {
  for (const std::string_view payload :
       {std::string_view("\x03"), std::string_view("\x03\xED"),
        std::string_view("\x03\xE8\xFF"), std::string_view("\x00\x01", 2)}) {
    sent_.clear();
    events_.clear();
    std::string bytes = Frame(kClose, payload);
    engine_->Make(*this)->Read(absl::MakeSpan(bytes));
    EXPECT_EQ(CodeSent(), close_code::kProtocolError) << payload;
    EXPECT_EQ(events_, "closing:1002 closed ");
  }
}

TEST_F(WebSocketTest, EndsWhenItsOwnCloseIsAnswered) {
  socket_->Close(close_code::kGoingAway, "bye");
  socket_->Close(close_code::kGoingAway, "again");
  EXPECT_EQ(sent_, CloseFrame(close_code::kGoingAway, "bye"));
  Read(Frame(kText, "crossed it") + Frame(kPing, "too"));
  EXPECT_EQ(messages_, Messages{});
  EXPECT_EQ(events_, "");
  Read(Frame(kClose, "\x03\xE9"));
  EXPECT_EQ(sent_, CloseFrame(close_code::kGoingAway, "bye"));
  EXPECT_EQ(events_, "closed ");
}

TEST_F(WebSocketTest, ClosesWithTheCodeForWhatIsBroken) {
  struct Case {
    std::string bytes;
    int code;
  };
  const std::string too_big(kMaxMessage + 1, 'x');
  const std::string half(kMaxMessage / 2 + 1, 'x');
  const std::vector<Case> cases = {
      {Frame(kText, "unmasked", true, false), close_code::kProtocolError},
      {Frame(3, "reserved opcode"), close_code::kProtocolError},
      {Frame(kContinuation, "of nothing"), close_code::kProtocolError},
      {Frame(kText, "a", false) + Frame(kText, "b"), close_code::kProtocolError},
      {Frame(kPing, "a", false), close_code::kProtocolError},
      {Frame(kPing, std::string(126, 'x')), close_code::kProtocolError},
      {Frame(kText | 0x40, "compressed"), close_code::kProtocolError},
      {Frame(kText, "\xC3\x28"), close_code::kInvalidPayload},
      {Frame(kText, "\xC3"), close_code::kInvalidPayload},
      {Frame(kText, too_big), close_code::kMessageTooBig},
      {Frame(kText, half, false) + Frame(kContinuation, half),
       close_code::kMessageTooBig},
  };
  for (const Case& broken : cases) {
    sent_.clear();
    events_.clear();
    std::string bytes = broken.bytes + Frame(kText, "after it");
    const std::unique_ptr<WebSocket> socket = engine_->Make(*this);
    EXPECT_EQ(socket->Read(absl::MakeSpan(bytes)), bytes.size());
    EXPECT_EQ(CodeSent(), broken.code) << broken.bytes.substr(0, 40);
    // It stays until the peer has read why.
    EXPECT_EQ(events_, absl::StrCat("closing:", broken.code, " "));
    EXPECT_EQ(messages_, Messages{});
  }
}

TEST_F(WebSocketTest, IsOverWhenThePeerBreaksTheProtocolInsteadOfAnsweringAClose) {
  socket_->Close(close_code::kGoingAway, "");
  Read(Frame(kText, "unmasked", true, false));
  EXPECT_EQ(sent_, CloseFrame(close_code::kGoingAway));
  EXPECT_EQ(events_, "closed ");
}

}  // namespace
}  // namespace chatter::edge
