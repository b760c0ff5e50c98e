// How our programs start and stop.
#ifndef CHATTER_SERVICES_BASE_LIFECYCLE_H_
#define CHATTER_SERVICES_BASE_LIFECYCLE_H_

#include <functional>
#include <string>

namespace chatter {

// Logs to stderr, one line an event. Ignores SIGPIPE: a peer that is gone is an error of
// one write, not of the process. Lets the process open as many descriptors as it may.
// Call first in main, before any thread is started.
void InitProcess(const char* program);

// Holds SIGTERM, SIGINT and SIGHUP back from the moment it is made, for the whole
// process: make it in main before any thread is started.
class StopSignal {
 public:
  StopSignal();

  // Returns when the process has been asked to stop: by SIGTERM or SIGINT. Another one of
  // them after that ends the process at once, with exit code 130. Until then each SIGHUP,
  // by which operators ask for certificates to be read anew, runs `reload` on this
  // thread.
  void Wait(const std::function<void()>& reload = [] {});
};

// Writes `text` and a line end to stderr, in one piece: for what a supervisor or a test
// waits for.
void Announce(const std::string& text);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_LIFECYCLE_H_
