#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "services/base/lru_cache.h"
#include "services/base/protocol.h"
#include "services/base/sha256.h"
#include "services/identity/identity_provider.h"
#include "services/identity/jwt_expiry.h"

namespace chatter::identity {
namespace {

constexpr size_t kRememberedIdentities = 10'000;
// Of equal calls that wait for one answer.
constexpr size_t kMaxWaiters = 1'000;

class CachingProvider : public IdentityProvider {
 public:
  CachingProvider(std::unique_ptr<IdentityProvider> next, IdentityMetrics& metrics,
                  const Clock& clock)
      : metrics_(metrics),
        clock_(clock),
        remembered_(kRememberedIdentities),
        next_(std::move(next)) {}

  void Verify(const std::string& authorization, Done done) override {
    const Sha256Hash key = Sha256(authorization);
    std::optional<absl::StatusOr<Identity>> answer;
    {
      absl::MutexLock lock(&mutex_);
      if (const Remembered* known = remembered_.Find(key);
          known != nullptr && clock_.Now() < known->until) {
        answer = known->identity;
        metrics_.cache_hits.Add();
      } else {
        metrics_.cache_misses.Add();
        const auto [it, first] = waiting_.try_emplace(key);
        if (it->second.size() >= kMaxWaiters) {
          answer = absl::ResourceExhaustedError("too many equal calls wait already");
        } else {
          it->second.push_back(std::move(done));
          if (!first) return;
        }
      }
    }
    if (answer.has_value()) {
      done(*answer);
      return;
    }
    next_->Verify(authorization, [this, key, expiry = JwtExpiry(authorization)](
                                     const absl::StatusOr<Identity>& identity) {
      Answer(key, expiry, identity);
    });
  }

 private:
  struct Remembered {
    Sha256Hash key;  // of the header
    Identity identity;
    absl::Time until;
  };
  struct RememberedKey {
    const Sha256Hash& operator()(const Remembered& known) const { return known.key; }
    const Sha256Hash& operator()(const Sha256Hash& key) const { return key; }
  };

  void Answer(const Sha256Hash& key, std::optional<absl::Time> expiry,
              const absl::StatusOr<Identity>& identity) ABSL_LOCKS_EXCLUDED(mutex_) {
    std::vector<Done> waiters;
    {
      absl::MutexLock lock(&mutex_);
      const auto it = waiting_.find(key);
      waiters = std::move(it->second);
      waiting_.erase(it);
      if (identity.ok() && expiry.has_value()) {
        const absl::Time until = std::min(*expiry, clock_.Now() + kIdentityCacheLifetime);
        remembered_.Put({key, *identity, until});
      }
    }
    for (const Done& done : waiters) done(identity);
  }

  IdentityMetrics& metrics_;
  const Clock& clock_;
  absl::Mutex mutex_;
  LruCache<Remembered, RememberedKey> remembered_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<Sha256Hash, std::vector<Done>> waiting_ ABSL_GUARDED_BY(mutex_);
  const std::unique_ptr<IdentityProvider> next_;
};

}  // namespace

std::unique_ptr<IdentityProvider> MakeCachingProvider(
    std::unique_ptr<IdentityProvider> next, IdentityMetrics& metrics,
    const Clock& clock) {
  return std::make_unique<CachingProvider>(std::move(next), metrics, clock);
}

}  // namespace chatter::identity
