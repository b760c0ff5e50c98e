#ifndef CHATTER_EDGE_LIMITS_HANDSHAKE_RATE_H_
#define CHATTER_EDGE_LIMITS_HANDSHAKE_RATE_H_

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "edge/limits/client_address.h"
#include "services/base/rate_limit.h"

namespace chatter::edge {

// HANDSHAKE_RATE: how many handshakes each address may make a second; as many may come at
// once. Remembers an address for the second until its bucket is full again, or a little
// longer, and 65,536 of them at most: when more come within a second, those that find no
// room are not counted. Thread-safe; threads seldom meet, as it is in parts.
class HandshakeRate {
 public:
  static constexpr size_t kMaxAddresses = 1 << 16;

  // 0: no limit.
  explicit HandshakeRate(int per_second) : rate_(per_second, per_second) {}

  // Counts a handshake. Zero: it may go on; otherwise how long the client should wait.
  absl::Duration Take(ClientAddress address, absl::Duration now) {
    if (!rate_.is_on()) return absl::ZeroDuration();
    // The first bits: the map of the part goes by the last ones.
    Part& part = parts_[absl::HashOf(address) >> (8 * sizeof(size_t) - kPartBits)];
    absl::MutexLock lock(&part.mutex);
    if (const auto it = part.buckets.find(address); it != part.buckets.end()) {
      return rate_.Take(it->second, now);
    }
    if (part.buckets.size() >= part.forget_at) Forget(part, now);
    if (part.buckets.size() >= kMaxOfPart) return absl::ZeroDuration();
    return rate_.Take(part.buckets[address], now);
  }

  // How many addresses it remembers.
  size_t size() const {
    size_t size = 0;
    for (const Part& part : parts_) {
      absl::MutexLock lock(&part.mutex);
      size += part.buckets.size();
    }
    return size;
  }

 private:
  static constexpr int kPartBits = 4;
  static constexpr size_t kParts = 1 << kPartBits;
  static constexpr size_t kMaxOfPart = kMaxAddresses / kParts;
  static constexpr size_t kFewOfPart = 64;
  // Looking for full buckets among so many is not done for each handshake of a flood.
  static constexpr absl::Duration kForgetInterval = absl::Milliseconds(100);

  struct alignas(64) Part {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<ClientAddress, RateLimit::FullAt> buckets ABSL_GUARDED_BY(mutex);
    size_t forget_at ABSL_GUARDED_BY(mutex) = kFewOfPart;
    absl::Duration not_before ABSL_GUARDED_BY(mutex) = -absl::InfiniteDuration();
  };

  // Twice as many as are left may come before the next time, so that each handshake pays
  // for little of it.
  static void Forget(Part& part, absl::Duration now)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(part.mutex) {
    if (part.buckets.size() >= kMaxOfPart) {
      if (now < part.not_before) return;
      part.not_before = now + kForgetInterval;
    }
    absl::erase_if(part.buckets, [&](const auto& bucket) {
      return RateLimit::IsFull(bucket.second, now);
    });
    part.forget_at = std::clamp(2 * part.buckets.size(), kFewOfPart, kMaxOfPart);
  }

  const RateLimit rate_;
  std::array<Part, kParts> parts_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_HANDSHAKE_RATE_H_
