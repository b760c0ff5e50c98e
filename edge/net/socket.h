// One TCP connection: bytes in, bytes out.
#ifndef CHATTER_EDGE_NET_SOCKET_H_
#define CHATTER_EDGE_NET_SOCKET_H_

#include <asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "edge/net/edge_loop.h"
#include "edge/net/tls_stream.h"

namespace chatter::edge {

// What all sockets of a thread have in common.
struct SocketSettings {
  EdgeLoop& loop;
  size_t max_waiting_bytes;
  std::shared_ptr<SSL_CTX> tls;  // a server's, for sockets to come; null: without TLS
};

// Of its loop's thread. Holds no buffer while nothing waits to be sent: it reads into the
// loop's, and hands over what it sends at the end of the turn in one call.
class Socket : public std::enable_shared_from_this<Socket> {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // Valid, and its own to change, until it returns.
    virtual void OnBytes(absl::Span<char> bytes) = 0;
    // The peer is gone, or everything is sent after CloseAfterSending, or the socket
    // broke. The last call to the owner.
    virtual void OnGone() = 0;
    // More waits for the peer than may, and the kernel takes no more now. Called once
    // until everything is sent, between handlers.
    virtual void OnBackedUp() = 0;
    // Everything is sent, after TellWhenDrained.
    virtual void OnDrained() = 0;
  };

  // The settings outlive it.
  Socket(const SocketSettings& settings, TcpSocket socket, Owner& owner);

  // Starts to read. With TLS the handshake comes first: the owner bounds how long that
  // may take, by CloseAfterSending.
  void Start();

  // `chunk` goes out whole or not at all, unless the socket breaks.
  void Send(std::string_view chunk);
  // Bytes that the kernel has not taken.
  size_t waiting_bytes() const {
    return waiting_ == nullptr ? 0 : waiting_->bytes.size() - waiting_->begin;
  }
  // Sends now what it can of what waits.
  void Flush();

  // The peer has sent something that has not been read.
  bool has_unread() const;
  // While paused, nothing is read: the peer's sends fill its own buffers.
  void PauseReading() { reading_paused_ = true; }
  void ResumeReading();
  // For when something waits.
  void TellWhenDrained() { tell_when_drained_ = true; }

  // Forgets the chunks that have not begun to go out.
  void DropWaitingChunks();
  // Nothing more is read or handed over; the socket closes when all is sent, at once when
  // there is no TLS yet to send by. The owner bounds how long that may take, by Abort.
  void CloseAfterSending();
  // Closes at once. The owner hears OnGone before this returns.
  void Abort();
  // The owner is going away and wants to hear nothing more. Closes at once.
  void Detach();

  // For the loop: does a step of the TLS handshake.
  void Handshake();

 private:
  struct Waiting {
    std::string bytes;
    size_t begin = 0;  // of bytes; what is before it has been sent
    // Of what waits; the first is what is left of it.
    absl::InlinedVector<size_t, 4> chunk_sizes;
    bool first_chunk_begun = false;
  };

  void WaitReadable();
  void OnReadable();
  void ReadTls();
  void WaitWritable();
  void ScheduleFlush();
  asio::error_code Write(size_t& bytes);
  void OnAllSent();
  void ForgetSent(size_t sent);
  void Gone();

  const SocketSettings& settings_;
  TcpSocket socket_;
  Owner* owner_;                      // null once gone
  std::unique_ptr<Waiting> waiting_;  // null when all is sent
  std::unique_ptr<TlsStream> tls_;    // null without TLS
  bool flush_scheduled_ = false;
  bool waiting_readable_ = false;
  bool waiting_writable_ = false;
  bool reading_paused_ = false;
  bool closing_ = false;
  bool backed_up_ = false;
  bool tell_when_drained_ = false;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_NET_SOCKET_H_
