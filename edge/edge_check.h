#ifndef CHATTER_EDGE_EDGE_CHECK_H_
#define CHATTER_EDGE_EDGE_CHECK_H_

#include "services/base/settings.h"

namespace chatter::edge {

// `edged --check`: loads what settings name, and calls the chat service. Prints a line
// for each, see CheckReport. Returns the exit code: 0 when edged could run with these
// settings. Takes at most about 5 s.
int CheckEdge(const Settings& settings);

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_EDGE_CHECK_H_
