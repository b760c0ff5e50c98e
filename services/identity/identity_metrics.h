#ifndef CHATTER_SERVICES_IDENTITY_IDENTITY_METRICS_H_
#define CHATTER_SERVICES_IDENTITY_IDENTITY_METRICS_H_

#include "services/base/metrics.h"

namespace chatter::identity {

// What the identity service counts.
struct IdentityMetrics {
  CallMetrics uacl;
  // Of tokens whose user was known.
  SharedCounter cache_hits;
  SharedCounter cache_misses;
};

}  // namespace chatter::identity

#endif  // CHATTER_SERVICES_IDENTITY_IDENTITY_METRICS_H_
