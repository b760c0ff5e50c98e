#ifndef CHATTER_EDGE_EDGE_SERVER_H_
#define CHATTER_EDGE_EDGE_SERVER_H_

#include <prometheus/collectable.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "edge/edge_metrics.h"
#include "edge/edge_thread.h"
#include "edge/limits/edge_limits.h"
#include "edge/options.h"
#include "services/base/clock.h"

namespace chatter::edge {

// The edge as a whole: its threads, started and stopped together.
class EdgeServer : public prometheus::Collectable {
 public:
  // Listens when it returns, whether the chat service is there or not. kInvalidArgument,
  // kUnavailable when the port is taken.
  static absl::StatusOr<std::unique_ptr<EdgeServer>> Start(
      EdgeOptions options, const Clock& clock = Clock::Real(),
      ProcessMemory& memory = ProcessMemory::Real());

  // Ends as Stop does.
  ~EdgeServer() override;

  uint16_t port() const { return port_; }

  // Reads the certificate anew, for connections to come. When it cannot be used, the one
  // before stays. Only with TLS.
  absl::Status ReloadCertificate();

  // See EdgeThread::Stop.
  void Stop();

  // Any thread, also while it stops.
  std::vector<prometheus::MetricFamily> Collect() const override;
  // Why new sessions are refused, on some thread at least; empty when they are not.
  std::string WhyNotReady() const;

 private:
  EdgeServer(EdgeOptions options, ProcessMemory& memory)
      : options_(std::move(options)), limits_(options_.limits, memory) {}

  const EdgeOptions options_;
  uint16_t port_ = 0;
  EdgeLimits limits_;
  std::vector<std::unique_ptr<EdgeThreadMetrics>> metrics_;  // a thread each
  std::vector<std::unique_ptr<EdgeThread>> threads_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_EDGE_SERVER_H_
