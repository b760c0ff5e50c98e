#ifndef CHATTER_TOOLS_LOADGEN_TCP_CONNECTION_H_
#define CHATTER_TOOLS_LOADGEN_TCP_CONNECTION_H_

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"

namespace chatter::loadgen {

// One TCP connection, which can be opened again after it was closed. One read for each
// turn, and a write for each call of Write.
class TcpConnection : public EventLoop::Handler {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    virtual void OnConnected() = 0;
    // Returns how many of them it has used; the others come again, with more behind them.
    // `bytes` are valid until it returns.
    virtual size_t OnBytes(std::string_view bytes) = 0;
    // By the peer, or an error; not by Close.
    virtual void OnDisconnected(const absl::Status& why) = 0;
  };

  TcpConnection(EventLoop& loop, Owner& owner) : loop_(loop), owner_(owner) {}
  ~TcpConnection() override { Close(); }
  TcpConnection(const TcpConnection&) = delete;
  TcpConnection& operator=(const TcpConnection&) = delete;

  // `from`: the local address, in host order; 0: any. OnConnected or OnDisconnected
  // follows, maybe before this returns.
  void Connect(const sockaddr_in& target, uint32_t from);
  bool is_open() const { return fd_ >= 0; }
  bool is_connected() const { return connected_; }

  // Sends at once what the kernel takes, and the rest when it takes more. Once connected.
  void Write(std::string_view bytes);
  // Bytes that the kernel has not taken.
  size_t waiting_bytes() const { return out_.size(); }

  void Close();

  void OnReady(uint32_t events) override;

 private:
  void OnConnectable(uint32_t events);
  void ReadAvailable(uint32_t events);
  // Returns how many of them the kernel took.
  size_t Send(std::string_view bytes);
  void Lose(int error);

  EventLoop& loop_;
  Owner& owner_;
  int fd_ = -1;
  bool connected_ = false;
  int opened_ = 0;    // how often
  std::string rest_;  // read, but not used
  std::string out_;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_TCP_CONNECTION_H_
