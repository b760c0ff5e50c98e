#include "edge/net/socket.h"

#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <utility>

#include "glog/logging.h"

namespace chatter::edge {

Socket::Socket(const SocketSettings& settings, TcpSocket socket, Owner& owner)
    : settings_(settings), socket_(std::move(socket)), owner_(&owner) {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  if (settings.tls == nullptr) return;
  tls_ = std::make_unique<TlsStream>(settings.tls.get(), socket_.native_handle());
}

void Socket::Start() { WaitReadable(); }

void Socket::WaitReadable() {
  if (waiting_readable_ || reading_paused_ || closing_ || owner_ == nullptr) return;
  waiting_readable_ = true;
  auto on_readable = [self = shared_from_this()](const asio::error_code& error) {
    self->waiting_readable_ = false;
    if (error) return self->Gone();
    self->OnReadable();
  };
  if (tls_ != nullptr && tls_->may_have_more()) {
    asio::post(settings_.loop.io(),
               [on_readable = std::move(on_readable)] { on_readable({}); });
  } else {
    socket_.async_wait(TcpSocket::wait_read, std::move(on_readable));
  }
}

void Socket::OnReadable() {
  if (reading_paused_ || closing_ || owner_ == nullptr) return;
  if (tls_ != nullptr) return ReadTls();
  asio::error_code error;
  auto& buffer = settings_.loop.read_buffer();
  const size_t bytes = socket_.read_some(asio::buffer(buffer), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) {
    return WaitReadable();
  }
  if (error) return Gone();
  owner_->OnBytes(absl::MakeSpan(buffer.data(), bytes));
  WaitReadable();
}

void Socket::ReadTls() {
  if (!tls_->is_established()) return settings_.loop.HandshakeLater(shared_from_this());
  auto& buffer = settings_.loop.read_buffer();
  size_t bytes;
  switch (tls_->Read(absl::MakeSpan(buffer), bytes)) {
    case TlsStream::Outcome::kDone:
      owner_->OnBytes(absl::MakeSpan(buffer.data(), bytes));
      return WaitReadable();
    case TlsStream::Outcome::kWantsRead:
      return WaitReadable();
    case TlsStream::Outcome::kWantsWrite:
      return WaitWritable();
    case TlsStream::Outcome::kGone:
      return Gone();
  }
}

void Socket::Handshake() {
  if (owner_ == nullptr || closing_) return;
  std::string error;
  switch (tls_->Handshake(error)) {
    case TlsStream::Outcome::kDone:
      if (waiting_ != nullptr) ScheduleFlush();
      return WaitReadable();
    case TlsStream::Outcome::kWantsRead:
      return WaitReadable();
    case TlsStream::Outcome::kWantsWrite:
      return WaitWritable();
    case TlsStream::Outcome::kGone:
      // Anybody can make as many as he likes of them.
      LOG_EVERY_N(INFO, 1000) << "a client's TLS handshake failed: " << error
                              << " (one of " << google::COUNTER << ")";
      return Gone();
  }
}

void Socket::ResumeReading() {
  reading_paused_ = false;
  WaitReadable();
}

bool Socket::has_unread() const {
  asio::error_code ignored;
  return socket_.available(ignored) > 0;
}

void Socket::Send(std::string_view chunk) {
  if (owner_ == nullptr || closing_ || chunk.empty()) return;
  if (waiting_ == nullptr) waiting_ = std::make_unique<Waiting>();
  waiting_->bytes.append(chunk);
  waiting_->chunk_sizes.push_back(chunk.size());
  // While the kernel takes nothing there is nothing to flush, but too much to be told of.
  const bool is_news = waiting_bytes() > settings_.max_waiting_bytes && !backed_up_;
  if (waiting_writable_ && !is_news) return;
  ScheduleFlush();
}

void Socket::ScheduleFlush() {
  if (std::exchange(flush_scheduled_, true)) return;
  settings_.loop.FlushLater(shared_from_this());
}

void Socket::Flush() {
  flush_scheduled_ = false;
  if (owner_ == nullptr) return;
  if (tls_ != nullptr && !tls_->is_established()) {
    if (closing_) Gone();
    return;
  }
  size_t sent = 0;
  while (waiting_bytes() > 0) {
    size_t bytes;
    const asio::error_code error = Write(bytes);
    if (error == asio::error::would_block) break;
    if (error == asio::error::interrupted) continue;
    if (error) return Gone();
    waiting_->begin += bytes;
    sent += bytes;
  }
  if (waiting_bytes() == 0) return OnAllSent();
  ForgetSent(sent);
  WaitWritable();
  if (waiting_bytes() > settings_.max_waiting_bytes && !backed_up_ && !closing_) {
    backed_up_ = true;
    owner_->OnBackedUp();
  }
}

asio::error_code Socket::Write(size_t& bytes) {
  const char* const next = waiting_->bytes.data() + waiting_->begin;
  asio::error_code error;
  if (tls_ == nullptr) {
    bytes = socket_.write_some(asio::buffer(next, waiting_bytes()), error);
    return error;
  }
  switch (tls_->Write({next, waiting_bytes()}, bytes)) {
    case TlsStream::Outcome::kDone:
      return error;
    case TlsStream::Outcome::kWantsRead:
    case TlsStream::Outcome::kWantsWrite:
      return asio::error::would_block;
    case TlsStream::Outcome::kGone:
      break;
  }
  return asio::error::broken_pipe;
}

void Socket::OnAllSent() {
  // Gives the memory back: an idle connection holds none.
  waiting_.reset();
  backed_up_ = false;
  if (closing_) return Gone();
  if (std::exchange(tell_when_drained_, false)) owner_->OnDrained();
}

void Socket::ForgetSent(size_t sent) {
  // Moves what is left only when there is less of it than was sent: large answers would
  // otherwise be moved again and again.
  std::string& bytes = waiting_->bytes;
  if (waiting_->begin > bytes.size() / 2) {
    bytes.erase(0, std::exchange(waiting_->begin, 0));
  }
  auto& sizes = waiting_->chunk_sizes;
  auto chunk = sizes.begin();
  while (sent >= *chunk) {
    sent -= *chunk++;
    waiting_->first_chunk_begun = false;
  }
  sizes.erase(sizes.begin(), chunk);
  sizes.front() -= sent;
  if (sent > 0) waiting_->first_chunk_begun = true;
}

void Socket::WaitWritable() {
  if (waiting_writable_) return;
  waiting_writable_ = true;
  socket_.async_wait(TcpSocket::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->waiting_writable_ = false;
                       if (error) return self->Gone();
                       self->Flush();
                       // TLS may have had to write before it could read on.
                       if (self->tls_ != nullptr) self->WaitReadable();
                     });
}

void Socket::DropWaitingChunks() {
  if (waiting_ == nullptr) return;
  auto& sizes = waiting_->chunk_sizes;
  const size_t stuck = tls_ == nullptr ? 0 : tls_->stuck_bytes();
  size_t begun = waiting_->first_chunk_begun ? 1 : 0;
  size_t bytes = begun == 1 ? sizes.front() : 0;
  while (bytes < stuck) bytes += sizes[begun++];
  if (begun == 0) return waiting_.reset();
  waiting_->bytes.resize(waiting_->begin + bytes);
  sizes.resize(begun);
}

void Socket::CloseAfterSending() {
  if (owner_ == nullptr || closing_) return;
  closing_ = true;
  // When the kernel takes nothing it says when it does; but no handshake will be waited
  // for.
  if (waiting_writable_ && (tls_ == nullptr || tls_->is_established())) return;
  ScheduleFlush();
}

void Socket::Abort() { Gone(); }

void Socket::Gone() {
  Owner* const owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  if (tls_ != nullptr) tls_->SendEnd();
  asio::error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  socket_.close(ignored);
  waiting_.reset();
  owner->OnGone();
}

void Socket::Detach() {
  owner_ = nullptr;
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace chatter::edge
