// Configuration by environment variables, each of which is also a flag: PORT ⇔ --port.
#ifndef CHATTER_SERVICES_BASE_SETTINGS_H_
#define CHATTER_SERVICES_BASE_SETTINGS_H_

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace chatter {

// What a program lets its operator say.
struct Setting {
  enum class Kind {
    kText,
    kSecret,   // text that no help and no error shows; NAME_FILE names a file with it
    kInteger,  // min to max
    kChoice,   // one of `choices`
  };

  std::string_view name;  // the environment variable
  Kind kind = Kind::kText;
  std::string_view default_value;
  std::string_view meaning;  // for --help, one line
  bool required = false;
  // Set but empty is a value; otherwise it counts as not set.
  bool may_be_empty = false;
  int64_t min = 0;
  int64_t max = 0;
  std::vector<std::string_view> choices = {};
};

// A whole number from `min` to `max`.
Setting IntegerSetting(std::string_view name, std::string_view default_value,
                       std::string_view meaning, int64_t min, int64_t max);

// One table of several.
std::vector<Setting> Join(std::initializer_list<std::vector<Setting>> tables);

// The values for one run of the program. Immutable. Asking for a name that is not in the
// program's table is a defect, and ends the program.
class Settings {
 public:
  using Environment = std::function<const char*(const char* name)>;

  // `args` without the program's name: `--name=value` or `--name value`, '-' for '_'
  // allowed, and `--check`. A flag wins over the environment, the environment over the
  // default. A secret's file is read here; the line end at its end does not count.
  // kInvalidArgument, in one line that names the variable, the value (but for secrets)
  // and what is allowed.
  static absl::StatusOr<Settings> Parse(absl::Span<const Setting> table,
                                        absl::Span<const char* const> args,
                                        const Environment& environment);

  const std::string& Text(std::string_view name) const;
  int64_t Integer(std::string_view name) const;
  // Text split at commas, without empty parts.
  std::vector<std::string> List(std::string_view name) const;
  // Whether the operator said anything, be it the default.
  bool IsGiven(std::string_view name) const;
  // The program is to say whether it could run, and not to run.
  bool check_only() const { return check_only_; }

 private:
  struct Value {
    std::string text;
    bool given = false;
  };

  const Value& Get(std::string_view name) const;

  bool check_only_ = false;
  std::map<std::string, Value, std::less<>> values_;
};

// What --help prints.
std::string HelpText(std::string_view program, std::string_view purpose,
                     absl::Span<const Setting> table);

// For main(): prints the help and exits 0 when asked to, prints the error and exits 2
// when something is wrong.
Settings ParseSettingsOrExit(std::string_view program, std::string_view purpose,
                             absl::Span<const Setting> table, int argc, char** argv);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_SETTINGS_H_
