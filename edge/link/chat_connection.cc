#include "edge/link/chat_connection.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/support/channel_arguments.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <asio/connect.hpp>
#include <asio/local/stream_protocol.hpp>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "services/base/completion_tag.h"

namespace chatter::edge {
namespace {

constexpr std::chrono::seconds kConnectDeadline{5};
constexpr std::chrono::milliseconds kOften{1};
constexpr std::chrono::seconds kSeldom{1};
constexpr int kKeepaliveMs = 20'000;
constexpr int kKeepaliveTimeoutMs = 10'000;
// A batch of deliveries, a page of a history.
constexpr int kMaxReceiveBytes = 8 << 20;
// With its length, as ALPN has it: RFC 7301 section 3.1.
constexpr unsigned char kHttp2[] = {2, 'h', '2'};

grpc::ChannelArguments Arguments() {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  return arguments;
}

}  // namespace

ChatConnection::ChatConnection(asio::io_context& io, ChatAddress address)
    : io_(io),
      address_(std::move(address)),
      files_thread_(address_.tls.given() ? 1 : 0),
      resolver_(io),
      socket_(io),
      deadline_(io),
      readable_(io),
      often_timer_(io) {}

ChatConnection::~ChatConnection() {
  queue_.Shutdown();
  void* tag;
  bool ok;
  while (queue_.Next(&tag, &ok)) {
  }
}

void ChatConnection::Connect(Connected connected) {
  connected_ = std::move(connected);
  let_go_ = false;
  deadline_.expires_after(kConnectDeadline);
  deadline_.async_wait([this](const asio::error_code& cancelled) {
    if (!cancelled && connected_ != nullptr) Disconnect();
  });
  if (!address_.unix_path.empty()) {
    return ConnectTo({asio::local::stream_protocol::endpoint(address_.unix_path)});
  }
  resolver_.async_resolve(address_.host, address_.port,
                          [this](const asio::error_code& error,
                                 const asio::ip::tcp::resolver::results_type& results) {
                            if (error) return OnConnected(error);
                            if (let_go_) {
                              return OnConnected(asio::error::operation_aborted);
                            }
                            std::vector<Endpoint> endpoints;
                            for (const auto& result : results)
                              endpoints.emplace_back(result.endpoint());
                            ConnectTo(endpoints);
                          });
}

void ChatConnection::ConnectTo(const std::vector<Endpoint>& endpoints) {
  asio::async_connect(
      socket_, endpoints,
      [this](const asio::error_code& error, const Endpoint&) { OnConnected(error); });
}

void ChatConnection::OnConnected(const asio::error_code& error) {
  if (error) return End(absl::UnavailableError(error.message()));
  asio::error_code ignored;
  socket_.non_blocking(true, ignored);
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);  // a Unix socket has none
  if (address_.tls.given()) return StartTls();
  UseDescriptor(socket_.release());
}

void ChatConnection::StartTls() {
  asio::post(files_thread_, [this] {
    asio::post(io_, [this, context = MakeTlsContext(TLS_client_method(), address_.tls)] {
      OnCertificatesRead(context);
    });
  });
}

void ChatConnection::OnCertificatesRead(
    const absl::StatusOr<std::shared_ptr<SSL_CTX>>& context) {
  if (let_go_) return OnConnected(asio::error::operation_aborted);
  if (!context.ok()) return End(absl::UnavailableError(context.status().message()));
  SSL_CTX_set_alpn_protos(context->get(), kHttp2, sizeof(kHttp2));
  tunnel_ = std::make_shared<TlsTunnel>(io_, context->get(), address_.tls_name,
                                        std::move(socket_));
  tunnel_->Handshake([this](const absl::Status& status) { OnTlsStarted(status); });
}

void ChatConnection::OnTlsStarted(absl::Status status) {
  if (!status.ok()) return End(status);
  const absl::StatusOr<int> descriptor = tunnel_->Open();
  if (!descriptor.ok()) return End(descriptor.status());
  tunnel_ = nullptr;
  UseDescriptor(*descriptor);
}

void ChatConnection::UseDescriptor(int descriptor) {
  asio::error_code failure;
  readable_.assign(dup(descriptor), failure);
  if (failure) {
    close(descriptor);
    return End(absl::UnavailableError(failure.message()));
  }
  channel_ = grpc::CreateCustomInsecureChannelFromFd("chatd", descriptor, Arguments());
  WatchReadable();
  End(absl::OkStatus());
}

void ChatConnection::End(const absl::Status& status) {
  deadline_.cancel();
  if (!status.ok()) {
    asio::error_code ignored;
    socket_.close(ignored);
    if (tunnel_ != nullptr) std::exchange(tunnel_, nullptr)->Close();
  }
  std::exchange(connected_, nullptr)(status);
}

void ChatConnection::Disconnect() {
  asio::error_code ignored;
  if (connected_ != nullptr) {
    let_go_ = true;
    resolver_.cancel();      // unless the name is being looked up already
    socket_.close(ignored);  // which ends the attempt
    if (tunnel_ != nullptr) tunnel_->Close();
    return;
  }
  channel_ = nullptr;
  readable_.close(ignored);
}

void ChatConnection::WatchReadable() {
  readable_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [this](const asio::error_code& cancelled) {
                         if (cancelled) return;
                         if (RunNext()) {
                           Poll();
                         } else if (unclaimed_ != nullptr) {
                           unclaimed_();
                         }
                         if (readable_.is_open()) WatchReadable();
                       });
}

bool ChatConnection::IsFull() {
  pollfd socket{readable_.native_handle(), POLLOUT, 0};
  return poll(&socket, 1, 0) == 0;
}

void ChatConnection::PollOften() {
  asked_at_ = std::chrono::steady_clock::now();
  if (!std::exchange(polls_often_, true)) PollAgain();
}

void ChatConnection::PollAgain() {
  const auto since = std::chrono::steady_clock::now() - asked_at_;
  // What has waited for long may wait a tenth of that longer.
  const auto gap = std::max<std::chrono::steady_clock::duration>(kOften, since / 10);
  polls_often_ = gap < kSeldom;
  if (!polls_often_) return;
  often_timer_.expires_after(gap);
  often_timer_.async_wait([this](const asio::error_code& cancelled) {
    if (cancelled) return;
    PollAgain();
    Poll();
  });
}

void ChatConnection::Poll() {
  while (RunNext()) {
  }
}

bool ChatConnection::RunNext() {
  void* tag;
  bool ok;
  if (queue_.AsyncNext(&tag, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return false;
  }
  static_cast<CompletionTag*>(tag)->Run(ok);
  return true;
}

}  // namespace chatter::edge
