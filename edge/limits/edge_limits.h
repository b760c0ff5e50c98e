// What bounds clients, in all threads of the edge together.
#ifndef CHATTER_EDGE_LIMITS_EDGE_LIMITS_H_
#define CHATTER_EDGE_LIMITS_EDGE_LIMITS_H_

#include <asio/ip/address.hpp>
#include <atomic>
#include <cstdint>

#include "edge/limits/address_counts.h"
#include "edge/limits/client_address.h"
#include "edge/limits/handshake_rate.h"
#include "edge/limits/memory_limit.h"

namespace chatter::edge {

// Whom a connection comes from.
struct Peer {
  ClientAddress address = kNoAddress;
  // Clients of many addresses are behind it.
  bool is_proxy = false;
};

enum class Admission {
  kAdmitted,
  kTooMany,           // MAX_CONNECTIONS
  kTooManyOfAddress,  // MAX_CONNECTIONS_PER_ADDRESS
  kNoMemory,          // MAX_MEMORY_MB
};

struct LimitOptions {
  int max_connections = 1000;
  int max_connections_per_address = 1000;  // 0: no limit
  int handshake_rate = 100;                // of an address, a second; 0: no limit
  int64_t max_memory_bytes = 0;            // resident; 0: no limit
  TrustedProxies trusted_proxies;
};

// Thread-safe. Nothing of it is touched on the way of a message.
class EdgeLimits {
 public:
  explicit EdgeLimits(const LimitOptions& options,
                      ProcessMemory& memory = ProcessMemory::Real())
      : addresses(options.max_connections_per_address),
        handshakes(options.handshake_rate),
        memory(options.max_memory_bytes, memory),
        proxies(options.trusted_proxies),
        max_connections_(options.max_connections) {}

  Peer PeerAt(const asio::ip::address& address) const {
    return {ClientAddressOf(address), proxies.Has(address)};
  }

  // Counts a new connection. When it is admitted, its end is to be told by Leave, and
  // unless it is a proxy's, `addresses` has counted it as well.
  Admission Admit(const Peer& peer);
  void Leave() { connections_.fetch_sub(1, std::memory_order_relaxed); }

  // Whether one more refused connection may be told why; its end then by EndRefusal.
  // Beyond a hundred they are to be closed without a word.
  bool BeginRefusal();
  void EndRefusal() { refusals_.fetch_sub(1, std::memory_order_relaxed); }

  AddressCounts addresses;
  HandshakeRate handshakes;
  MemoryLimit memory;
  const TrustedProxies proxies;

 private:
  const int max_connections_;
  std::atomic<int> connections_{0};
  std::atomic<int> refusals_{0};
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_EDGE_LIMITS_H_
