#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/http_load.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {

absl::Status RunRest(EventLoop& loop, const Options& options, Report& report) {
  report.title = absl::StrCat("rest: GET ", options.request, " from ", options.clients,
                              " connections");
  Meter meter(loop, options, "requests", "asked to answered", report);
  const absl::StatusOr<std::vector<User>> users =
      PrepareUsers(loop, options, options.clients);
  if (!users.ok()) return users.status();
  std::vector<std::string> requests;
  for (const User& user : *users) {
    requests.push_back(RequestText(options.edge, options.request, user.bearer));
  }
  const auto take_any = [](std::string_view) { return absl::OkStatus(); };
  return RunHttpLoad(loop, options, requests, take_any, meter);
}

}  // namespace chatter::loadgen
