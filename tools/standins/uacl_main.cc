// The stand-in for uacl as a program. Environment: HOST (127.0.0.1), PORT (8081; 0: any),
// DATA_DIR (none: nothing is kept), CHATTER_URL and NOTIFICATION_AUTH (where new accounts
// are told; none: nowhere).
#include "absl/status/statusor.h"
#include "tools/standins/program.h"
#include "tools/standins/uacl.h"

int main() {
  using namespace chatter::standins;
  HoldSignals();
  const absl::StatusOr<int> port = PortFromEnvironment(8081);
  if (!port.ok()) return Fail(port.status());
  UaclOptions options;
  options.host = Environment("HOST", options.host);
  options.port = *port;
  options.data_dir = Environment("DATA_DIR");
  options.chatter_url = Environment("CHATTER_URL");
  options.chatter_secret = Environment("NOTIFICATION_AUTH");
  const auto uacl = Uacl::Start(options);
  if (!uacl.ok()) return Fail(uacl.status());
  WaitForSignal(options.host, (*uacl)->port());
}
