// Where gRPC's work for chatd is done.
#ifndef CHATTER_SERVICES_CHAT_RPC_LOOP_H_
#define CHATTER_SERVICES_CHAT_RPC_LOOP_H_

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/base/completion_tag.h"

namespace chatter::chat {

// One completion queue and one thread for every call of every service. The thread never
// blocks: reading, checking and queueing are all that it does. Calls are answered from
// any thread.
//
// Life: construct, AddTo, build the server, Start; later shut the server down, Shutdown.
class RpcLoop {
 public:
  RpcLoop();
  RpcLoop(const RpcLoop&) = delete;
  RpcLoop& operator=(const RpcLoop&) = delete;

  void AddTo(grpc::ServerBuilder& builder) { queue_ = builder.AddCompletionQueue(); }
  grpc::ServerCompletionQueue* queue() { return queue_.get(); }
  void Start();
  // Waits until no call is being answered, or for `patience`.
  void AwaitCalls(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);
  // After the server's own shutdown: waits for the calls that are still being answered,
  // then ends the thread.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

  // A call was accepted; it has been finished, and touches the queue no more.
  void OnCallBegun() ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCallEnded() ABSL_LOCKS_EXCLUDED(mutex_);

  // Starts an operation of this tag, which ends at once as a rule: a small write. Then
  // it returns the outcome, the tag is not run, and the loop's thread need not be woken.
  // Any thread, which may do some of gRPC's work besides; the loop outlives it.
  std::optional<bool> StartBrief(CompletionTag& tag, absl::FunctionRef<void()> start)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Of the loop's thread: keeps an object whose own code is running until that has
  // returned.
  void ReleaseLater(std::shared_ptr<void> object) { released_ = std::move(object); }

 private:
  void Run();
  // The tag is run by the loop's thread.
  void HandOver(CompletionTag& tag, bool ok) ABSL_LOCKS_EXCLUDED(mutex_);
  void RunHandedOver() ABSL_LOCKS_EXCLUDED(mutex_);

  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::shared_ptr<void> released_;
  absl::Mutex mutex_;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<CompletionTag*, bool>> handed_over_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  CompletionTag handed_over_tag_;
  grpc::Alarm handed_over_alarm_;  // at once; pending when something is handed over
  std::thread thread_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_RPC_LOOP_H_
