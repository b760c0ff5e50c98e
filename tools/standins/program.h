#ifndef CHATTER_TOOLS_STANDINS_PROGRAM_H_
#define CHATTER_TOOLS_STANDINS_PROGRAM_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace chatter::standins {

// The variable of the environment, or `fallback` when it is not set.
std::string Environment(const char* name, const std::string& fallback = "");

// PORT, 0 to 65535. INVALID_ARGUMENT names the variable and its value.
absl::StatusOr<int> PortFromEnvironment(int fallback);

// SIGINT and SIGTERM of this thread and those it will start wait for WaitForSignal().
void HoldSignals();

// Says where the service listens, on a line of its own, and returns at SIGINT or SIGTERM.
void WaitForSignal(const std::string& host, int port);

// Says why a program does not start. Returns its exit code.
int Fail(const absl::Status& status);

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_PROGRAM_H_
