#include "edge/net/socket.h"

#include <asio/buffer.hpp>
#include <utility>

namespace chatter::edge {

Socket::Socket(EdgeLoop& loop, TcpSocket socket, size_t max_waiting_bytes, Owner& owner)
    : loop_(loop),
      socket_(std::move(socket)),
      max_waiting_bytes_(max_waiting_bytes),
      owner_(&owner) {
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
}

void Socket::Start() { WaitReadable(); }

void Socket::WaitReadable() {
  if (waiting_readable_ || reading_paused_ || closing_ || owner_ == nullptr) return;
  waiting_readable_ = true;
  socket_.async_wait(TcpSocket::wait_read,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->waiting_readable_ = false;
                       if (error) return self->Gone();
                       self->OnReadable();
                     });
}

void Socket::OnReadable() {
  if (reading_paused_ || closing_ || owner_ == nullptr) return;
  asio::error_code error;
  auto& buffer = loop_.read_buffer();
  const size_t bytes = socket_.read_some(asio::buffer(buffer), error);
  if (error == asio::error::would_block || error == asio::error::interrupted) {
    return WaitReadable();
  }
  if (error) return Gone();
  owner_->OnBytes(absl::MakeSpan(buffer.data(), bytes));
  WaitReadable();
}

void Socket::ResumeReading() {
  reading_paused_ = false;
  WaitReadable();
}

void Socket::Send(std::string_view chunk) {
  if (owner_ == nullptr || closing_ || chunk.empty()) return;
  out_.append(chunk);
  chunk_sizes_.push_back(chunk.size());
  // While the kernel takes nothing there is nothing to flush, but too much to be told of.
  const bool is_news = waiting_bytes() > max_waiting_bytes_ && !backed_up_;
  if (flush_scheduled_ || (waiting_writable_ && !is_news)) return;
  flush_scheduled_ = true;
  loop_.FlushLater(shared_from_this());
}

void Socket::Flush() {
  flush_scheduled_ = false;
  if (owner_ == nullptr) return;
  size_t sent = 0;
  while (waiting_bytes() > 0) {
    asio::error_code error;
    const size_t bytes = socket_.write_some(
        asio::buffer(out_.data() + out_begin_, waiting_bytes()), error);
    if (error == asio::error::would_block) break;
    if (error == asio::error::interrupted) continue;
    if (error) return Gone();
    out_begin_ += bytes;
    sent += bytes;
  }
  if (waiting_bytes() == 0) return OnAllSent();
  ForgetSent(sent);
  WaitWritable();
  if (waiting_bytes() > max_waiting_bytes_ && !backed_up_ && !closing_) {
    backed_up_ = true;
    owner_->OnBackedUp();
  }
}

void Socket::OnAllSent() {
  // Gives the memory back: an idle connection holds none.
  std::string().swap(out_);
  std::vector<size_t>().swap(chunk_sizes_);
  out_begin_ = 0;
  first_chunk_begun_ = false;
  backed_up_ = false;
  if (closing_) return Gone();
  if (std::exchange(tell_when_drained_, false)) owner_->OnDrained();
}

void Socket::ForgetSent(size_t sent) {
  // Moves what is left only when there is less of it than was sent: large answers would
  // otherwise be moved again and again.
  if (out_begin_ > out_.size() / 2) {
    out_.erase(0, out_begin_);
    out_begin_ = 0;
  }
  auto chunk = chunk_sizes_.begin();
  while (sent >= *chunk) {
    sent -= *chunk++;
    first_chunk_begun_ = false;
  }
  chunk_sizes_.erase(chunk_sizes_.begin(), chunk);
  chunk_sizes_.front() -= sent;
  if (sent > 0) first_chunk_begun_ = true;
}

void Socket::WaitWritable() {
  if (waiting_writable_) return;
  waiting_writable_ = true;
  socket_.async_wait(TcpSocket::wait_write,
                     [self = shared_from_this()](const asio::error_code& error) {
                       self->waiting_writable_ = false;
                       if (error) return self->Gone();
                       self->Flush();
                     });
}

void Socket::DropWaitingChunks() {
  if (chunk_sizes_.empty()) return;
  const size_t keep = first_chunk_begun_ ? chunk_sizes_.front() : 0;
  out_.resize(out_begin_ + keep);
  chunk_sizes_.resize(first_chunk_begun_ ? 1 : 0);
}

void Socket::CloseAfterSending() {
  if (owner_ == nullptr || closing_) return;
  closing_ = true;
  if (flush_scheduled_ || waiting_writable_) return;
  flush_scheduled_ = true;
  loop_.FlushLater(shared_from_this());
}

void Socket::Abort() { Gone(); }

void Socket::Gone() {
  Owner* const owner = std::exchange(owner_, nullptr);
  if (owner == nullptr) return;
  asio::error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  socket_.close(ignored);
  std::string().swap(out_);
  owner->OnGone();
}

void Socket::Detach() {
  owner_ = nullptr;
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace chatter::edge
