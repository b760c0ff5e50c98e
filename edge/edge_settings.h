// What edged lets its operator say.
#ifndef CHATTER_EDGE_EDGE_SETTINGS_H_
#define CHATTER_EDGE_EDGE_SETTINGS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "edge/options.h"
#include "services/base/settings.h"

namespace chatter::edge {

std::vector<Setting> EdgeSettings();

// kInvalidArgument, kNotFound: what a setting names is not there or cannot be used.
absl::StatusOr<EdgeOptions> ReadEdgeOptions(const Settings& settings);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_EDGE_SETTINGS_H_
