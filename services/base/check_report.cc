#include "services/base/check_report.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"

namespace chatter {

void CheckReport::Add(std::string_view setting,
                      const absl::StatusOr<std::string>& found) {
  if (!found.ok()) exit_code_ = 1;
  const std::string line = absl::StrCat(
      found.ok() ? "ok      " : "FAILED  ", AbslView(setting), ": ",
      found.ok() ? absl::string_view(*found) : found.status().message(), "\n");
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace chatter
