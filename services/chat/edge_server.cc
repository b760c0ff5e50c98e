#include "services/chat/edge_server.h"

#include <utility>

#include "absl/status/status.h"

namespace chatter::chat {
namespace {

// An edge has one for each of its threads.
constexpr size_t kMaxStreams = 1024;

}  // namespace

EdgeServer::EdgeServer(const SessionServices& services) : services_(services) {}

EdgeServer::~EdgeServer() = default;

void EdgeServer::RegisterWith(grpc::ServerBuilder& builder) {
  builder.RegisterService(&service_);
  queue_ = builder.AddCompletionQueue();
}

void EdgeServer::Start() {
  AcceptNext();
  poller_ = std::thread([this] { Poll(); });
}

void EdgeServer::Poll() {
  void* tag;
  bool ok;
  while (queue_->Next(&tag, &ok)) {
    static_cast<CompletionTag*>(tag)->Run(ok);
    gone_.reset();
  }
}

void EdgeServer::AcceptNext() {
  accepting_ = std::make_shared<AttachStream>(services_, [this](AttachStream* stream) {
    absl::MutexLock lock(&mutex_);
    const auto it = streams_.find(stream);
    // The stream's own code is still running: it goes when that has returned.
    gone_ = std::move(it->second);
    streams_.erase(it);
  });
  service_.RequestAttach(&accepting_->context(), &accepting_->stream(), queue_.get(),
                         queue_.get(), &accept_tag_);
}

void EdgeServer::OnAccepted(bool ok) {
  std::shared_ptr<AttachStream> stream = std::move(accepting_);
  if (!ok) return;  // the server shuts down
  AcceptNext();
  bool draining;
  bool full;
  {
    absl::MutexLock lock(&mutex_);
    draining = draining_;
    full = streams_.size() >= kMaxStreams;
    streams_.emplace(stream.get(), stream);
  }
  if (draining) {
    stream->Finish(absl::UnavailableError("The chat service stops"));
  } else if (full) {
    stream->Finish(absl::ResourceExhaustedError("There are 1024 streams already"));
  } else {
    stream->Start();
  }
}

std::vector<std::shared_ptr<AttachStream>> EdgeServer::Streams() {
  std::vector<std::shared_ptr<AttachStream>> streams;
  absl::MutexLock lock(&mutex_);
  streams.reserve(streams_.size());
  for (const auto& [key, stream] : streams_) streams.push_back(stream);
  return streams;
}

void EdgeServer::StopReading() {
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
  }
  for (const auto& stream : Streams()) stream->StopReading();
}

void EdgeServer::EndStreams(absl::Duration patience) {
  for (const auto& stream : Streams()) stream->End();
  const auto all_gone = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return streams_.empty();
  };
  {
    absl::MutexLock lock(&mutex_);
    if (mutex_.AwaitWithTimeout(absl::Condition(&all_gone), patience)) return;
  }
  for (const auto& stream : Streams()) stream->Cancel();
}

void EdgeServer::Shutdown() {
  queue_->Shutdown();
  if (poller_.joinable()) poller_.join();
}

}  // namespace chatter::chat
