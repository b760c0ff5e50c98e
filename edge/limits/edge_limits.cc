#include "edge/limits/edge_limits.h"

namespace chatter::edge {
namespace {

constexpr int kMaxRefusals = 100;

}  // namespace

Admission EdgeLimits::Admit(const Peer& peer) {
  if (memory.is_over()) return Admission::kNoMemory;
  if (connections_.fetch_add(1, std::memory_order_relaxed) >= max_connections_) {
    Leave();
    return Admission::kTooMany;
  }
  if (!peer.is_proxy && !addresses.Add(peer.address)) {
    Leave();
    return Admission::kTooManyOfAddress;
  }
  return Admission::kAdmitted;
}

bool EdgeLimits::BeginRefusal() {
  if (refusals_.fetch_add(1, std::memory_order_relaxed) < kMaxRefusals) return true;
  EndRefusal();
  return false;
}

}  // namespace chatter::edge
