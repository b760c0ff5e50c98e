#include "edge/ws/web_socket.h"

#include <exception>
#include <utility>
#include <vector>

#include "glog/logging.h"
#include "websocketpp/concurrency/none.hpp"
#include "websocketpp/config/core.hpp"
#include "websocketpp/logger/stub.hpp"
#include "websocketpp/server.hpp"

namespace chatter::edge {
namespace {

// One thread, no logs (they would show tokens), small buffers.
struct EngineConfig : public websocketpp::config::core {
  using type = EngineConfig;
  using base = websocketpp::config::core;
  using concurrency_type = websocketpp::concurrency::none;
  using request_type = base::request_type;
  using response_type = base::response_type;
  using message_type = base::message_type;
  using con_msg_manager_type = base::con_msg_manager_type;
  using endpoint_msg_manager_type = base::endpoint_msg_manager_type;
  using alog_type = websocketpp::log::stub;
  using elog_type = websocketpp::log::stub;
  using rng_type = base::rng_type;

  struct transport_config : public base::transport_config {
    using concurrency_type = EngineConfig::concurrency_type;
    using elog_type = EngineConfig::elog_type;
    using alog_type = EngineConfig::alog_type;
    using request_type = EngineConfig::request_type;
    using response_type = EngineConfig::response_type;
  };
  using transport_type = websocketpp::transport::iostream::endpoint<transport_config>;

  static const size_t connection_read_buffer_size = 512;
};

using Server = websocketpp::server<EngineConfig>;
using Handle = websocketpp::connection_hdl;

class EngineWebSocket : public WebSocket {
 public:
  EngineWebSocket(Server& server, size_t max_message_bytes, Owner& owner)
      : owner_(owner), connection_(server.get_connection()) {
    connection_->set_max_message_size(max_message_bytes);
    connection_->set_write_handler([this](Handle, const char* data, size_t size) {
      owner_.SendBytes({data, size});
      return websocketpp::lib::error_code();
    });
    connection_->set_vector_write_handler(
        [this](Handle, const std::vector<websocketpp::transport::buffer>& parts) {
          std::string bytes;
          for (const auto& part : parts) bytes.append(part.buf, part.len);
          owner_.SendBytes(bytes);
          return websocketpp::lib::error_code();
        });
    connection_->set_message_handler([this](Handle, Server::message_ptr message) {
      owner_.OnMessage(message->get_payload(),
                       message->get_opcode() == websocketpp::frame::opcode::binary);
    });
    connection_->set_close_handler([this](Handle) { over_ = true; });
    connection_->set_fail_handler([this](Handle) { over_ = true; });
  }

  void Start(const std::string& request_head) override {
    connection_->start();
    Read(request_head);
  }

  void Read(std::string_view bytes) override {
    try {
      connection_->read_all(bytes.data(), bytes.size());
    } catch (const std::exception& error) {
      LOG(ERROR) << "the WebSocket engine failed: " << error.what();
      over_ = true;
    }
    Tell();
  }

  void SendText(const std::string& payload) override {
    // Fails when the connection is closing, whose owner hears of that by itself.
    connection_->send(payload, websocketpp::frame::opcode::text);
  }

  void Ping() override {
    websocketpp::lib::error_code ignored;
    connection_->ping("", ignored);
  }

  void Close(uint16_t code, const std::string& reason) override {
    websocketpp::lib::error_code ignored;
    connection_->close(code, reason, ignored);
  }

 private:
  // What happened while the engine ran, once it has returned.
  void Tell() {
    const bool open = connection_->get_state() == websocketpp::session::state::open;
    if (!open && !told_closing_) {
      told_closing_ = true;
      owner_.OnClosing();
    }
    if (over_ && !told_closed_) {
      told_closed_ = true;
      owner_.OnClosed();
    }
  }

  Owner& owner_;
  const Server::connection_ptr connection_;
  bool over_ = false;
  bool told_closing_ = false;
  bool told_closed_ = false;
};

class Engine : public WebSocketEngine {
 public:
  explicit Engine(size_t max_message_bytes) : max_message_bytes_(max_message_bytes) {
    server_.set_user_agent("");
  }

  std::unique_ptr<WebSocket> Make(WebSocket::Owner& owner) override {
    return std::make_unique<EngineWebSocket>(server_, max_message_bytes_, owner);
  }

 private:
  const size_t max_message_bytes_;
  Server server_;
};

}  // namespace

std::unique_ptr<WebSocketEngine> MakeWebSocketEngine(size_t max_message_bytes) {
  return std::make_unique<Engine>(max_message_bytes);
}

}  // namespace chatter::edge
