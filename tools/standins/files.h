#ifndef CHATTER_TOOLS_STANDINS_FILES_H_
#define CHATTER_TOOLS_STANDINS_FILES_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace chatter::standins {

// NOT_FOUND when there is no such file.
absl::StatusOr<std::string> ReadFile(const std::string& path);

// Replaces the file as a whole or not at all, on disk when it returns; readable by its
// owner alone. Makes the folder that it is in. Not for two threads on one path.
absl::Status WriteFile(const std::string& path, absl::string_view content);

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_FILES_H_
