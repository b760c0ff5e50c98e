// The stand-in for notif as a program. Environment: HOST (127.0.0.1), PORT (8082; 0:
// any), DATA_DIR (none: nothing is kept), NOTIFICATION_AUTH (who may post).
#include "absl/status/statusor.h"
#include "tools/standins/notif.h"
#include "tools/standins/program.h"

int main() {
  using namespace chatter::standins;
  HoldSignals();
  const absl::StatusOr<int> port = PortFromEnvironment(8082);
  if (!port.ok()) return Fail(port.status());
  NotifOptions options;
  options.host = Environment("HOST", options.host);
  options.port = *port;
  options.data_dir = Environment("DATA_DIR");
  options.secret = Environment("NOTIFICATION_AUTH");
  const auto notif = Notif::Start(options);
  if (!notif.ok()) return Fail(notif.status());
  WaitForSignal(options.host, (*notif)->port());
}
