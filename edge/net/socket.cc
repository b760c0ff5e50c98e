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
  if (waiting_ == nullptr) waiting_ = std::make_unique<Waiting>();
  waiting_->bytes.append(chunk);
  waiting_->chunk_sizes.push_back(chunk.size());
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
        asio::buffer(waiting_->bytes.data() + waiting_->begin, waiting_bytes()), error);
    if (error == asio::error::would_block) break;
    if (error == asio::error::interrupted) continue;
    if (error) return Gone();
    waiting_->begin += bytes;
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
                     });
}

void Socket::DropWaitingChunks() {
  if (waiting_ == nullptr) return;
  if (!waiting_->first_chunk_begun) return waiting_.reset();
  waiting_->bytes.resize(waiting_->begin + waiting_->chunk_sizes.front());
  waiting_->chunk_sizes.resize(1);
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
  waiting_.reset();
  owner->OnGone();
}

void Socket::Detach() {
  owner_ = nullptr;
  asio::error_code ignored;
  socket_.close(ignored);
}

}  // namespace chatter::edge
