#ifndef CHATTER_EDGE_LIMITS_ADDRESS_COUNTS_H_
#define CHATTER_EDGE_LIMITS_ADDRESS_COUNTS_H_

#include <array>
#include <cstddef>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/synchronization/mutex.h"
#include "edge/limits/client_address.h"

namespace chatter::edge {

// MAX_CONNECTIONS_PER_ADDRESS: how many each address has. Holds those only that have
// any, in 17 to 40 bytes. Thread-safe; threads seldom meet, as it is in parts.
class AddressCounts {
 public:
  // 0: no limit, and nothing is counted.
  explicit AddressCounts(int max) : max_(max) {}

  // Counts one more, unless the address has all that it may.
  bool Add(ClientAddress address) {
    if (max_ == 0 || address == kNoAddress) return true;
    Part& part = PartOf(address);
    absl::MutexLock lock(&part.mutex);
    int& count = part.counts[address];
    if (count == max_) return false;
    ++count;
    return true;
  }

  // Takes back an Add that was true.
  void Remove(ClientAddress address) {
    if (max_ == 0 || address == kNoAddress) return;
    Part& part = PartOf(address);
    absl::MutexLock lock(&part.mutex);
    const auto it = part.counts.find(address);
    if (--it->second == 0) part.counts.erase(it);
  }

  // How many addresses it holds.
  size_t size() const {
    size_t size = 0;
    for (const Part& part : parts_) {
      absl::MutexLock lock(&part.mutex);
      size += part.counts.size();
    }
    return size;
  }

 private:
  static constexpr int kPartBits = 4;

  struct alignas(64) Part {
    mutable absl::Mutex mutex;
    absl::flat_hash_map<ClientAddress, int> counts ABSL_GUARDED_BY(mutex);
  };

  Part& PartOf(ClientAddress address) {
    // The first bits: the map of the part goes by the last ones.
    return parts_[absl::HashOf(address) >> (8 * sizeof(size_t) - kPartBits)];
  }

  const int max_;
  std::array<Part, 1 << kPartBits> parts_;
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LIMITS_ADDRESS_COUNTS_H_
