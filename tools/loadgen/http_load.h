#ifndef CHATTER_TOOLS_LOADGEN_HTTP_LOAD_H_
#define CHATTER_TOOLS_LOADGEN_HTTP_LOAD_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/options.h"

namespace chatter::loadgen {

// Says what is wrong with the body of a 200.
using CheckBody = std::function<absl::Status(std::string_view body)>;

// Asks each request on a keep-alive connection of its own, again and again, for the
// warm-up and the duration. Any answer but a 200 that passes the check fails the run.
absl::Status RunHttpLoad(EventLoop& loop, const Options& options,
                         const std::vector<std::string>& requests, const CheckBody& check,
                         Meter& meter);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_HTTP_LOAD_H_
