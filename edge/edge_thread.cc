#include "edge/edge_thread.h"

#include <algorithm>
#include <asio/post.hpp>
#include <chrono>
#include <utility>

namespace chatter::edge {
namespace {

// What may wait for the chat service before the sockets are no longer read.
constexpr size_t kMaxLinkBytes = 8 << 20;
// For the last answers, and for clients that do not answer a close.
constexpr absl::Duration kStopPatience = absl::Seconds(5);
constexpr std::chrono::milliseconds kDrainStep{20};

EdgeRefusal RefusalFor(Admission admission) {
  switch (admission) {
    case Admission::kTooManyOfAddress:
      return EdgeRefusal::kTooManyOfAddress;
    case Admission::kNoMemory:
      return EdgeRefusal::kNoMemory;
    case Admission::kTooMany:
    case Admission::kAdmitted:
      break;
  }
  return EdgeRefusal::kTooManyConnections;
}

}  // namespace

EdgeThread::EdgeThread(const EdgeOptions& options, const ChatAddress& chat_address,
                       std::unique_ptr<EdgeLoop> loop, std::unique_ptr<Listener> listener,
                       EdgeLimits& limits, EdgeThreadMetrics& metrics, const Clock& clock)
    : options_(options),
      metrics_(metrics),
      clock_(clock),
      cors_(options.allowed_origins, options.tls.given()),
      limits_(limits),
      loop_(std::move(loop)),
      socket_settings_{*loop_, options.max_send_buffer_bytes, nullptr},
      listener_(std::move(listener)),
      chat_connection_(loop_->io(), chat_address),
      chat_(MakeChatClient(chat_connection_)),
      rest_(std::make_unique<Rest>(*chat_, options.files)),
      web_sockets_(MakeWebSocketEngine(options.max_frame_bytes)),
      link_(std::make_unique<AttachLink>(chat_connection_, *this)),
      wheel_(clock.Uptime()),
      drain_timer_(loop_->io()) {}

EdgeThread::~EdgeThread() { Join(); }

void EdgeThread::Start() {
  listener_->Start([this](TcpSocket socket) { Accept(std::move(socket)); });
  link_->Start();
  thread_ = std::thread(
      [this] { loop_->Run([this] { OnEndOfTurn(); }, [this] { OnTick(); }); });
}

void EdgeThread::Accept(TcpSocket socket) {
  metrics_.accepted.Add();
  asio::error_code gone;
  const auto endpoint = socket.remote_endpoint(gone);
  const Peer peer = gone ? Peer() : limits_.PeerAt(endpoint.address());
  const Admission admission = limits_.Admit(peer);
  if (admission == Admission::kAdmitted) {
    Add(std::move(socket), peer, true).Start();
    return;
  }
  metrics_.CountRefusal(RefusalFor(admission));
  if (limits_.BeginRefusal()) {
    Add(std::move(socket), peer, false).Refuse(admission);
  }
}

Connection& EdgeThread::Add(TcpSocket socket, const Peer& peer, bool admitted) {
  const uint64_t id = ++last_id_;
  metrics_.http_connections.Add(1);
  auto& connection = connections_[id];
  connection = std::make_unique<Connection>(*this, id, std::move(socket), peer, admitted);
  return *connection;
}

Connection* EdgeThread::Find(uint64_t id) {
  const auto it = connections_.find(id);
  return it == connections_.end() ? nullptr : it->second.get();
}

void EdgeThread::Forget(uint64_t id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  // Its own code is still running.
  gone_.push_back(std::move(it->second));
  connections_.erase(it);
}

bool EdgeThread::LinkIsFull() const { return link_->waiting_bytes() > kMaxLinkBytes; }

void EdgeThread::OnTick() {
  const absl::Duration now = clock_.Uptime();
  limits_.memory.Tick(now);
  chat_connection_.Poll();
  wheel_.Advance(now, [&](uint64_t id) {
    if (Connection* const connection = Find(id); connection != nullptr) {
      connection->OnReminder(now);
    }
  });
}

void EdgeThread::OnEndOfTurn() {
  if (!loop_->is_pausing()) {
    const absl::Duration pause = link_->Flush(loop_->Now());
    if (pause > absl::ZeroDuration()) loop_->Pause(pause, chat_connection_.descriptor());
  }
  metrics_.link_waiting_bytes.Set(static_cast<int64_t>(link_->waiting_bytes()));
  if (!paused_for_link_.empty() && !LinkIsFull()) {
    for (const uint64_t id : std::exchange(paused_for_link_, {})) {
      if (Connection* const connection = Find(id); connection != nullptr) {
        connection->ResumeReading();
      }
    }
  }
  gone_.clear();
  if (drain_.has_value()) EndIfIdle();
}

void EdgeThread::OnDeliveries(v1::ChatBatch& batch) {
  for (const v1::Delivery& delivery : batch.deliveries()) Deliver(delivery);
}

void EdgeThread::Deliver(const v1::Delivery& delivery) {
  switch (delivery.delivery_case()) {
    case v1::Delivery::kFrame:
      return DeliverFrame(delivery);
    case v1::Delivery::kClosed:
      for (const uint64_t id : delivery.sessions()) {
        Connection* const connection = Find(id);
        if (connection == nullptr) continue;
        if (delivery.closed().reason() == v1::SessionClosed::GOING_AWAY) {
          connection->OnSessionEnded();
        } else {
          connection->OnSessionRefused(delivery.closed().reason() ==
                                       v1::SessionClosed::BAD_TOKEN);
        }
      }
      return;
    case v1::Delivery::DELIVERY_NOT_SET:
      return;  // something of a later version
  }
}

void EdgeThread::DeliverFrame(const v1::Delivery& delivery) {
  const v1::ServerFrame& frame = delivery.frame();
  const FrameCodec* encoded_by = nullptr;  // whose encoding is in encoded_
  bool shown = false;
  for (const uint64_t id : delivery.sessions()) {
    Connection* const connection = Find(id);
    if (connection == nullptr) continue;  // the client has just left
    if (frame.has_welcome()) {
      connection->OnWelcome();
      continue;
    }
    if (!connection->has_open_session()) continue;
    if (encoded_by != &connection->codec()) {
      encoded_by = &connection->codec();
      payload_.clear();
      encoded_.clear();
      shown = encoded_by->Encode(frame, payload_);
      AppendTextFrame(payload_, encoded_);
    }
    if (shown) connection->SendFrame(encoded_);
    if (id == delivery.answered()) connection->OnAnswered();
  }
}

void EdgeThread::OnLinkUp() {
  metrics_.link_up.Set(1);
  if (std::exchange(was_attached_, true)) metrics_.link_reconnects.Add();
}

void EdgeThread::OnLinkDown() {
  metrics_.link_up.Set(0);
  if (!drain_.has_value()) metrics_.link_failures.Add();
  for (const auto& [id, connection] : connections_) connection->OnLinkDown();
}

void EdgeThread::Stop() {
  asio::post(loop_->io(), [this] { BeginStop(); });
}

void EdgeThread::BeginStop() {
  if (drain_.has_value()) return;
  listener_->Stop();
  std::vector<uint64_t> web_sockets;
  for (const auto& [id, connection] : connections_) {
    if (connection->has_open_session()) {
      web_sockets.push_back(id);
    } else {
      connection->GoAway();
    }
  }
  std::sort(web_sockets.begin(), web_sockets.end());  // who came first goes first
  drain_.emplace(std::move(web_sockets), clock_.Uptime(), options_.drain);
  DrainSome();
}

void EdgeThread::DrainSome() {
  for (const uint64_t id : drain_->TakeDue(clock_.Uptime())) {
    if (Connection* const connection = Find(id); connection != nullptr) {
      connection->GoAway();
    }
  }
  if (drain_->is_done()) return;
  drain_timer_.expires_after(kDrainStep);
  drain_timer_.async_wait([this](const asio::error_code& cancelled) {
    if (!cancelled) DrainSome();
  });
}

void EdgeThread::EndIfIdle() {
  if (!connections_.empty() && clock_.Uptime() < drain_->end() + kStopPatience) return;
  if (std::exchange(link_stopped_, true)) return;
  link_->Stop([this] { loop_->Stop(); });
}

void EdgeThread::Join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace chatter::edge
