#include "tools/standins/program.h"

#include <pthread.h>

#include <csignal>
#include <cstdlib>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace chatter::standins {
namespace {

sigset_t StopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

}  // namespace

std::string Environment(const char* name, const std::string& fallback) {
  const char* value = std::getenv(name);
  return value == nullptr ? fallback : value;
}

absl::StatusOr<int> PortFromEnvironment(int fallback) {
  const std::string text = Environment("PORT", absl::StrCat(fallback));
  int port = 0;
  if (!absl::SimpleAtoi(text, &port) || port < 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrCat("PORT is \"", text, "\" and must be 0 to 65535"));
  }
  return port;
}

void HoldSignals() {
  const sigset_t signals = StopSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

void WaitForSignal(const std::string& host, int port) {
  std::cout << "listening on http://" << host << ":" << port << std::endl;
  const sigset_t signals = StopSignals();
  int signal = 0;
  while (sigwait(&signals, &signal) != 0) {
  }
}

int Fail(const absl::Status& status) {
  std::cerr << status.message() << std::endl;
  return EXIT_FAILURE;
}

}  // namespace chatter::standins
