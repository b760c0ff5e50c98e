// What the operator sees of a running program, over HTTP: ADMIN_LISTEN.
#ifndef CHATTER_SERVICES_BASE_ADMIN_SERVER_H_
#define CHATTER_SERVICES_BASE_ADMIN_SERVER_H_

#include <prometheus/collectable.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"

namespace chatter {

// GET /metrics, for Prometheus; /healthz, 200 while the process lives; /readyz, 200, or
// 503 and a line that says why. On threads of its own, two of them. Each connection is
// for one request of at most 16 KiB and lasts 5 s at most; while 16 wait, no more are
// accepted. Knows no passwords: the address should be one that only the operator reaches.
// Thread-safe.
class AdminServer {
 public:
  // `host:port`, an IP address or localhost; port 0 is any free one. Empty: it listens
  // nowhere. Serves when it returns, and is not ready. kInvalidArgument, and kUnavailable
  // when the address is taken.
  static absl::StatusOr<std::unique_ptr<AdminServer>> Start(const std::string& listen);
  // kInvalidArgument when Start would say so of what was given for ADMIN_LISTEN.
  static absl::Status CheckListen(const std::string& listen);
  // Cuts what is being answered.
  ~AdminServer();

  // "http://127.0.0.1:1234"; empty when it listens nowhere.
  const std::string& address() const { return address_; }

  // What /metrics shows besides the process's own. Null: nothing. Nobody looks at the
  // source of before any more when this returns.
  void SetMetrics(const prometheus::Collectable* source)
      ABSL_LOCKS_EXCLUDED(metrics_mutex_);
  // Why the program is not ready, in one line; empty when it is. May block for a second,
  // on the server's thread. As above.
  using WhyNotReady = std::function<std::string()>;
  void SetReadiness(WhyNotReady why_not_ready) ABSL_LOCKS_EXCLUDED(readiness_mutex_);

 private:
  class HttpServer;

  AdminServer();
  std::string MetricsText() const ABSL_LOCKS_EXCLUDED(metrics_mutex_);
  std::string AskReadiness() const ABSL_LOCKS_EXCLUDED(readiness_mutex_);

  std::string address_;
  mutable absl::Mutex metrics_mutex_;
  const prometheus::Collectable* source_ ABSL_GUARDED_BY(metrics_mutex_) = nullptr;
  mutable absl::Mutex readiness_mutex_;
  WhyNotReady why_not_ready_ ABSL_GUARDED_BY(readiness_mutex_);
  const std::unique_ptr<HttpServer> http_;  // last: its threads use the above
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_ADMIN_SERVER_H_
