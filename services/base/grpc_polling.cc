// How gRPC waits for sockets, in every program that links this: chosen once, at gRPC's
// first use, so before main.
//
// gRPC's default watches the sockets of all completion queues together: whichever thread
// happens to look is handed what another one waits for, and has to wake it. With poll(2)
// each queue watches its own sockets, and a message wakes the thread that it is for. The
// price is a poll over all of a queue's sockets: nothing for some edges and services, but
// it grows with the clients that have a connection each.
#include <stdlib.h>

namespace {
[[maybe_unused]] const int kChosen = setenv("GRPC_POLL_STRATEGY", "poll", 0);
}  // namespace
