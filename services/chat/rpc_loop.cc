#include "services/chat/rpc_loop.h"

#include "services/base/completion_tag.h"

namespace chatter::chat {

void RpcLoop::Start() {
  thread_ = std::thread([this] { Run(); });
}

void RpcLoop::Run() {
  void* tag;
  bool ok;
  while (queue_->Next(&tag, &ok)) {
    static_cast<CompletionTag*>(tag)->Run(ok);
    released_.reset();
  }
}

void RpcLoop::AwaitCalls(absl::Duration patience) {
  const auto none_left = [this]()
                             ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return calls_ == 0; };
  absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&none_left), patience);
}

void RpcLoop::Shutdown() {
  AwaitCalls(absl::InfiniteDuration());
  queue_->Shutdown();
  if (thread_.joinable()) thread_.join();
}

void RpcLoop::OnCallBegun() {
  absl::MutexLock lock(&mutex_);
  ++calls_;
}

void RpcLoop::OnCallEnded() {
  absl::MutexLock lock(&mutex_);
  --calls_;
}

}  // namespace chatter::chat
