#include "edge/ws/web_socket.h"

#include <utility>

#include "edge/ws/close_codes.h"
#include "websocketpp/close.hpp"
#include "websocketpp/extensions/permessage_deflate/disabled.hpp"
#include "websocketpp/frame.hpp"
#include "websocketpp/http/request.hpp"
#include "websocketpp/http/response.hpp"
#include "websocketpp/message_buffer/message.hpp"
#include "websocketpp/processors/hybi13.hpp"
#include "websocketpp/random/none.hpp"

namespace chatter::edge {
namespace {

namespace frame = websocketpp::frame;
using Opcode = frame::opcode::value;

// All messages of a thread are read into the same memory, one after another; only one
// that comes in parts keeps what it was begun in.
template <typename Message>
class SpareMessage : public std::enable_shared_from_this<SpareMessage<Message>> {
 public:
  using ptr = std::shared_ptr<SpareMessage>;
  using weak_ptr = std::weak_ptr<SpareMessage>;

  std::shared_ptr<Message> get_message(Opcode opcode, size_t size) {
    if (spare_ == nullptr || spare_.use_count() > 1) {
      spare_ = std::make_shared<Message>(this->shared_from_this(), opcode, size);
    } else {
      spare_->set_opcode(opcode);
      spare_->get_raw_payload().clear();
      spare_->get_raw_payload().reserve(size);
    }
    return spare_;
  }

  static bool recycle(Message*) { return false; }

 private:
  std::shared_ptr<Message> spare_;
};

struct EngineConfig {
  using message_type = websocketpp::message_buffer::message<SpareMessage>;
  using con_msg_manager_type = SpareMessage<message_type>;
  using request_type = websocketpp::http::parser::request;
  using response_type = websocketpp::http::parser::response;
  // A server masks nothing.
  using rng_type = websocketpp::random::none::int_generator<uint32_t>;
  struct permessage_deflate_config {};
  using permessage_deflate_type =
      websocketpp::extensions::permessage_deflate::disabled<permessage_deflate_config>;
  static constexpr bool enable_extensions = false;
  static constexpr size_t max_message_size = 0;  // until the setter is called
};

using MessageManager = EngineConfig::con_msg_manager_type;

class Processor : public websocketpp::processor::hybi13<EngineConfig> {
 public:
  using hybi13::hybi13;

  // Whether it has read nothing of a message that is not complete.
  bool is_between_messages() const {
    return m_state == HEADER_BASIC && m_bytes_needed == frame::BASIC_HEADER_LENGTH &&
           m_data_msg.msg_ptr == nullptr;
  }
};

// Lends processors to the WebSockets of a thread, which need one only while they read.
class Processors {
 public:
  explicit Processors(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {}

  std::unique_ptr<Processor> Take() {
    if (spare_ != nullptr) return std::move(spare_);
    auto processor = std::make_unique<Processor>(/*secure=*/false, /*p_is_server=*/true,
                                                 manager_, random_);
    processor->set_max_message_size(max_message_bytes_);
    return processor;
  }
  // One that is between messages.
  void GiveBack(std::unique_ptr<Processor> processor) { spare_ = std::move(processor); }

 private:
  const size_t max_message_bytes_;
  const MessageManager::ptr manager_ = std::make_shared<MessageManager>();
  EngineConfig::rng_type random_;
  std::unique_ptr<Processor> spare_;
};

void AppendFrame(Opcode opcode, std::string_view payload, std::string& out) {
  const frame::basic_header header(opcode, payload.size(), /*fin=*/true,
                                   /*mask=*/false);
  out += frame::prepare_header(header, frame::extended_header(payload.size()));
  out += payload;
}

class EngineWebSocket : public WebSocket {
 public:
  EngineWebSocket(Processors& processors, Owner& owner)
      : owner_(owner), processors_(processors) {}

  size_t Read(absl::Span<char> bytes) override {
    if (processor_ == nullptr) processor_ = processors_.Take();
    size_t taken = 0;
    bool more = true;
    // What follows a broken frame, or the peer's close, has no meaning.
    while (more && taken < bytes.size() && !deaf_) {
      std::error_code error;
      taken += processor_->consume(reinterpret_cast<uint8_t*>(bytes.data()) + taken,
                                   bytes.size() - taken, error);
      if (error) {
        Fail(error);
      } else if (processor_->ready()) {
        more = Handle(*processor_->get_message());
      }
    }
    if (processor_->is_between_messages()) processors_.GiveBack(std::move(processor_));
    return deaf_ ? bytes.size() : taken;
  }

  void Send(std::string_view frame) override {
    if (!closing_) owner_.SendBytes(frame);
  }

  void Ping() override {
    if (!closing_) SendFrame(frame::opcode::PING, "");
  }

  void Close(uint16_t code, std::string_view reason) override {
    if (!std::exchange(closing_, true)) SendClose(code, reason);
  }

 private:
  // Whether the owner wants more messages.
  bool Handle(const EngineConfig::message_type& message) {
    const std::string& payload = message.get_payload();
    switch (message.get_opcode()) {
      case frame::opcode::TEXT:
      case frame::opcode::BINARY:
        return closing_ ||
               owner_.OnMessage(payload, message.get_opcode() == frame::opcode::BINARY);
      case frame::opcode::PING:
        if (!closing_) SendFrame(frame::opcode::PONG, payload);
        return true;
      case frame::opcode::CLOSE:
        OnPeersClose(payload);
        return true;
      default:
        return true;  // a pong
    }
  }

  // RFC 6455 section 5.5.1: answered with its own code, or, when it is ours that it
  // answers, the end.
  void OnPeersClose(const std::string& payload) {
    deaf_ = true;
    if (!std::exchange(closing_, true)) {
      std::error_code bad_code;
      std::error_code bad_reason;
      const uint16_t code = websocketpp::close::extract_code(payload, bad_code);
      websocketpp::close::extract_reason(payload, bad_reason);
      if (bad_code || bad_reason) {
        SendClose(close_code::kProtocolError, "Invalid close frame");
        owner_.OnClosing(close_code::kProtocolError);
        return owner_.OnClosed();
      }
      if (code == websocketpp::close::status::no_status) {
        SendFrame(frame::opcode::CLOSE, "");
      } else {
        SendClose(code, "");
      }
      owner_.OnClosing(std::nullopt);
    }
    owner_.OnClosed();
  }

  // RFC 6455 section 7.1.7. The peer is given time to read why.
  void Fail(const std::error_code& error) {
    deaf_ = true;
    if (std::exchange(closing_, true)) return owner_.OnClosed();
    const uint16_t code = websocketpp::processor::error::to_ws(error);
    SendClose(code, error.message());
    owner_.OnClosing(code);
  }

  void SendClose(uint16_t code, std::string_view reason) {
    std::string payload = {static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    payload += reason;
    SendFrame(frame::opcode::CLOSE, payload);
  }

  void SendFrame(Opcode opcode, std::string_view payload) {
    std::string bytes;
    AppendFrame(opcode, payload, bytes);
    owner_.SendBytes(bytes);
  }

  Owner& owner_;
  Processors& processors_;
  std::unique_ptr<Processor> processor_;  // null between messages
  bool closing_ = false;                  // a close frame has been sent
  bool deaf_ = false;                     // nothing that the peer sends matters any more
};

class Engine : public WebSocketEngine {
 public:
  explicit Engine(size_t max_message_bytes) : processors_(max_message_bytes) {}

  std::unique_ptr<WebSocket> Make(WebSocket::Owner& owner) override {
    return std::make_unique<EngineWebSocket>(processors_, owner);
  }

 private:
  Processors processors_;
};

}  // namespace

std::unique_ptr<WebSocketEngine> MakeWebSocketEngine(size_t max_message_bytes) {
  return std::make_unique<Engine>(max_message_bytes);
}

void AppendTextFrame(std::string_view payload, std::string& out) {
  AppendFrame(frame::opcode::TEXT, payload, out);
}

}  // namespace chatter::edge
