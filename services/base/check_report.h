#ifndef CHATTER_SERVICES_BASE_CHECK_REPORT_H_
#define CHATTER_SERVICES_BASE_CHECK_REPORT_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace chatter {

// What `--check` prints, a line for each thing that was tried:
//
//   ok      DATABASE_URL: database chatter_db, PostgreSQL 15.4, schema version 1
//   FAILED  VERIFICATION_URL: Could not connect to server
class CheckReport {
 public:
  // Prints to stdout. The text of a success says what was found.
  void Add(std::string_view setting, const absl::StatusOr<std::string>& found);

  // 0 when nothing failed, otherwise 1.
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_ = 0;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_CHECK_REPORT_H_
