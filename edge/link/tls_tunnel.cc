#include "edge/link/tls_tunnel.h"

#include <sys/socket.h>
#include <unistd.h>

#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/tls.h"

namespace chatter::edge {

TlsTunnel::TlsTunnel(asio::io_context& io, SSL_CTX* context, const std::string& peer,
                     Socket outer)
    : outer_(std::move(outer)), inner_(io), tls_(context, outer_.native_handle()) {
  tls_.ExpectPeer(peer);
}

void TlsTunnel::Handshake(Done done) {
  handshake_done_ = std::move(done);
  asio::post(outer_.get_executor(), [self = shared_from_this()] { self->DoHandshake(); });
}

void TlsTunnel::EndHandshake(const absl::Status& status) {
  std::exchange(handshake_done_, nullptr)(status);
}

void TlsTunnel::DoHandshake() {
  if (!outer_.is_open()) return EndHandshake(absl::UnavailableError("TLS: cancelled"));
  std::string error;
  switch (tls_.Handshake(error)) {
    case TlsStream::Outcome::kDone:
      return ReadFirstBytes();
    case TlsStream::Outcome::kWantsRead:
      return Wait(outer_, Socket::wait_read, waits_outer_readable_,
                  &TlsTunnel::DoHandshake);
    case TlsStream::Outcome::kWantsWrite:
      return Wait(outer_, Socket::wait_write, waits_outer_writable_,
                  &TlsTunnel::DoHandshake);
    case TlsStream::Outcome::kGone:
      return EndHandshake(absl::UnavailableError(absl::StrCat("TLS: ", error)));
  }
}

void TlsTunnel::ReadFirstBytes() {
  if (!outer_.is_open()) return EndHandshake(absl::UnavailableError("TLS: cancelled"));
  size_t bytes;
  switch (tls_.Read(absl::MakeSpan(down_.bytes), bytes)) {
    case TlsStream::Outcome::kDone:
      down_.Filled(bytes);
      return EndHandshake(absl::OkStatus());
    case TlsStream::Outcome::kWantsRead:
      return Wait(outer_, Socket::wait_read, waits_outer_readable_,
                  &TlsTunnel::ReadFirstBytes);
    case TlsStream::Outcome::kWantsWrite:
      return Wait(outer_, Socket::wait_write, waits_outer_writable_,
                  &TlsTunnel::ReadFirstBytes);
    case TlsStream::Outcome::kGone:
      return EndHandshake(absl::UnavailableError(absl::StrCat(
          "TLS: the other side does not take our certificate: ", TakeTlsError())));
  }
}

absl::StatusOr<int> TlsTunnel::Open() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return absl::UnavailableError(std::strerror(errno));
  }
  asio::error_code error;
  inner_.assign({AF_UNIX, SOCK_STREAM}, ends[0], error);
  if (!error) inner_.non_blocking(true, error);
  if (error) {
    if (!inner_.is_open()) close(ends[0]);
    close(ends[1]);
    return absl::UnavailableError(error.message());
  }
  PumpBoth();
  return ends[1];
}

void TlsTunnel::PumpBoth() {
  PumpUp();
  PumpDown();
}

void TlsTunnel::PumpUp() {
  if (!inner_.is_open()) return;
  if (up_.empty()) {
    asio::error_code error;
    const size_t bytes = inner_.read_some(asio::buffer(up_.bytes), error);
    if (error && error != asio::error::would_block) return Close();
    up_.Filled(bytes);
  }
  while (!up_.empty()) {
    size_t taken;
    switch (tls_.Write({up_.next(), up_.size()}, taken)) {
      case TlsStream::Outcome::kDone:
        up_.Took(taken);
        break;
      case TlsStream::Outcome::kWantsRead:
      case TlsStream::Outcome::kWantsWrite:
        // A peer that is away may take nothing for many minutes.
        Wait(inner_, Socket::wait_error, waits_inner_end_, &TlsTunnel::EndIfStuck);
        return Wait(outer_, Socket::wait_write, waits_outer_writable_,
                    &TlsTunnel::PumpBoth);
      case TlsStream::Outcome::kGone:
        return Close();
    }
  }
  Wait(inner_, Socket::wait_read, waits_inner_readable_, &TlsTunnel::PumpUp);
}

void TlsTunnel::EndIfStuck() {
  if (waits_outer_writable_) Close();
}

void TlsTunnel::PumpDown() {
  if (!inner_.is_open()) return;
  if (down_.empty()) {
    size_t bytes;
    switch (tls_.Read(absl::MakeSpan(down_.bytes), bytes)) {
      case TlsStream::Outcome::kDone:
        down_.Filled(bytes);
        break;
      case TlsStream::Outcome::kWantsRead:
        break;
      case TlsStream::Outcome::kWantsWrite:
        return Wait(outer_, Socket::wait_write, waits_outer_writable_,
                    &TlsTunnel::PumpBoth);
      case TlsStream::Outcome::kGone:
        return Close();
    }
  }
  while (!down_.empty()) {
    asio::error_code error;
    const size_t bytes =
        inner_.write_some(asio::buffer(down_.next(), down_.size()), error);
    if (error == asio::error::would_block) {
      return Wait(inner_, Socket::wait_write, waits_inner_writable_,
                  &TlsTunnel::PumpDown);
    }
    if (error) return Close();
    down_.Took(bytes);
  }
  if (!tls_.may_have_more()) {
    Wait(outer_, Socket::wait_read, waits_outer_readable_, &TlsTunnel::PumpDown);
  } else if (!std::exchange(waits_outer_readable_, true)) {
    // In a turn of its own, so that others get theirs.
    asio::post(outer_.get_executor(), [self = shared_from_this()] {
      self->waits_outer_readable_ = false;
      self->PumpDown();
    });
  }
}

void TlsTunnel::Wait(Socket& socket, Socket::wait_type what, bool& waiting, Work work) {
  if (std::exchange(waiting, true)) return;
  // After an end, too: each looks whether there was one.
  socket.async_wait(what,
                    [self = shared_from_this(), &waiting, work](const asio::error_code&) {
                      waiting = false;
                      (self.get()->*work)();
                    });
}

void TlsTunnel::Close() {
  if (!outer_.is_open()) return;
  tls_.SendEnd();
  asio::error_code ignored;
  outer_.close(ignored);
  inner_.close(ignored);
}

}  // namespace chatter::edge
