#ifndef CHATTER_SERVICES_CHAT_STREAM_SERVER_H_
#define CHATTER_SERVICES_CHAT_STREAM_SERVER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "services/base/completion_tag.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/rpc_loop.h"

namespace chatter::chat {

// Accepts the calls of one streaming method, keeps the streams (StreamCalls) while they
// last, and ends them. Outlives the loop's thread.
template <typename Stream>
class StreamServer {
 public:
  using Make = std::function<std::shared_ptr<Stream>()>;
  // Asks gRPC for the next call.
  using Accept = std::function<void(Stream&, CompletionTag&)>;

  StreamServer(RpcLoop& loop, RpcMetrics& metrics, size_t max_streams, Make make,
               Accept accept)
      : loop_(loop),
        metrics_(metrics),
        max_streams_(max_streams),
        make_(std::move(make)),
        accept_(std::move(accept)) {}

  void AcceptNext() {
    accepting_ = make_();
    accept_(*accepting_, accept_tag_);
  }

  size_t size() const ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return streams_.size();
  }

  // Refuses new streams, and takes nothing more from those there are.
  void StopReading() ABSL_LOCKS_EXCLUDED(mutex_) {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    for (const auto& stream : Streams()) stream->StopReading();
  }

  // Ends the streams, after all that is queued for them; cuts those that have not ended
  // after `patience`.
  void EndStreams(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_) {
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

 private:
  void OnAccepted(bool ok) {
    const std::shared_ptr<Stream> stream = std::move(accepting_);
    if (!ok) return;  // the server shuts down
    AcceptNext();
    loop_.OnCallBegun();
    stream->SetGone([this, key = stream.get()] { OnGone(key); });
    absl::Status refused;
    {
      absl::MutexLock lock(&mutex_);
      if (stopping_) {
        refused = absl::UnavailableError("The chat service stops");
      } else if (streams_.size() >= max_streams_) {
        refused = absl::ResourceExhaustedError(
            absl::StrCat("There are ", max_streams_, " streams already"));
      }
      streams_.emplace(stream.get(), stream);
    }
    if (refused.ok()) {
      stream->Start();
    } else {
      stream->Finish(refused);
    }
  }

  void OnGone(Stream* key) ABSL_LOCKS_EXCLUDED(mutex_) {
    metrics_.Add(key->final_code());
    {
      absl::MutexLock lock(&mutex_);
      const auto it = streams_.find(key);
      loop_.ReleaseLater(std::move(it->second));
      streams_.erase(it);
    }
    loop_.OnCallEnded();
  }

  std::vector<std::shared_ptr<Stream>> Streams() ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<std::shared_ptr<Stream>> streams;
    absl::MutexLock lock(&mutex_);
    streams.reserve(streams_.size());
    for (const auto& [key, stream] : streams_) streams.push_back(stream);
    return streams;
  }

  RpcLoop& loop_;
  RpcMetrics& metrics_;
  const size_t max_streams_;
  const Make make_;
  const Accept accept_;
  CompletionTag accept_tag_{[this](bool ok) { OnAccepted(ok); }};
  std::shared_ptr<Stream> accepting_;  // of the loop's thread

  mutable absl::Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<Stream*, std::shared_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_STREAM_SERVER_H_
