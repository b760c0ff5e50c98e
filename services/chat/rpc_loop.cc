#include "services/chat/rpc_loop.h"

namespace chatter::chat {

RpcLoop::RpcLoop() : handed_over_tag_([this](bool) { RunHandedOver(); }) {}

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

std::optional<bool> RpcLoop::StartBrief(CompletionTag& tag,
                                        absl::FunctionRef<void()> start) {
  void* ended;
  bool ok;
  if (queue_->DoThenAsyncNext(start, &ended, &ok, gpr_inf_past(GPR_CLOCK_MONOTONIC)) !=
      grpc::CompletionQueue::GOT_EVENT) {
    return std::nullopt;
  }
  if (ended == &tag) return ok;
  // gRPC may do here what another thread began.
  HandOver(*static_cast<CompletionTag*>(ended), ok);
  return std::nullopt;
}

void RpcLoop::HandOver(CompletionTag& tag, bool ok) {
  absl::MutexLock lock(&mutex_);
  // The alarm itself may be taken from the queue before the loop's thread sees it.
  if (&tag != &handed_over_tag_) {
    handed_over_.emplace_back(&tag, ok);
    if (handed_over_.size() > 1) return;
  }
  if (shut_down_) return;  // nothing is left but calls that are not to come
  handed_over_alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC),
                         &handed_over_tag_);
}

void RpcLoop::RunHandedOver() {
  std::vector<std::pair<CompletionTag*, bool>> handed_over;
  {
    absl::MutexLock lock(&mutex_);
    handed_over.swap(handed_over_);
  }
  for (const auto& [tag, ok] : handed_over) {
    tag->Run(ok);
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
  {
    absl::MutexLock lock(&mutex_);
    shut_down_ = true;
    queue_->Shutdown();
  }
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
