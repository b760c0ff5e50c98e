#include "services/base/settings.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <ios>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "glog/logging.h"
#include "services/base/absl_view.h"

namespace chatter {
namespace {

constexpr char kFileSuffix[] = "_FILE";
constexpr std::streamsize kMaxSecretBytes = 65536;

// The names under which an operator may say something: of each setting, and for a secret
// of its file, too.
struct Name {
  const Setting* setting;
  bool is_file;

  std::string variable() const {
    return absl::StrCat(AbslView(setting->name), is_file ? kFileSuffix : "");
  }
  std::string flag() const { return absl::AsciiStrToLower(variable()); }
};

std::vector<Name> NamesIn(absl::Span<const Setting> table) {
  std::vector<Name> names;
  for (const Setting& setting : table) {
    names.push_back({&setting, false});
    if (setting.kind == Setting::Kind::kSecret) names.push_back({&setting, true});
  }
  return names;
}

// What was said, by the environment or by flags.
class Statements {
 public:
  void Add(const Name& name, std::string_view text) {
    (name.is_file ? files_ : values_)[name.setting->name] = std::string(text);
  }

  // The setting's value; nullopt when nothing was said.
  absl::StatusOr<std::optional<std::string>> ValueOf(const Setting& setting) const {
    const auto value = values_.find(setting.name);
    const auto file = files_.find(setting.name);
    if (file == files_.end()) {
      if (value == values_.end()) return std::nullopt;
      return value->second;
    }
    const std::string name = Name{&setting, true}.variable();
    if (value != values_.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat(AbslView(setting.name), " and ", name, " are both set: want one"));
    }
    return ReadSecret(name, file->second);
  }

 private:
  static absl::StatusOr<std::optional<std::string>> ReadSecret(const std::string& name,
                                                               const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(kMaxSecretBytes + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    // Reading a folder fails only here.
    if (!file.is_open() || file.bad()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is '", path, "': cannot read it: ", std::strerror(errno)));
    }
    text.resize(static_cast<size_t>(file.gcount()));
    if (file.gcount() > kMaxSecretBytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          name, " is '", path, "': want a file of at most ", kMaxSecretBytes, " bytes"));
    }
    if (absl::EndsWith(text, "\n")) text.pop_back();
    if (absl::EndsWith(text, "\r")) text.pop_back();
    if (text.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, " is '", path, "': the file is empty"));
    }
    return text;
  }

  std::map<std::string_view, std::string> values_;
  std::map<std::string_view, std::string> files_;
};

std::string Allowed(const Setting& setting) {
  switch (setting.kind) {
    case Setting::Kind::kInteger:
      return absl::StrCat("want a whole number from ", setting.min, " to ", setting.max);
    case Setting::Kind::kChoice:
      return absl::StrCat(
          "want one of ",
          absl::StrJoin(setting.choices, ", ", [](std::string* out, std::string_view c) {
            out->append(c.data(), c.size());
          }));
    case Setting::Kind::kText:
    case Setting::Kind::kSecret:
      return "want a text";
  }
  return "";
}

bool IsValid(const Setting& setting, const std::string& text) {
  switch (setting.kind) {
    case Setting::Kind::kInteger: {
      int64_t value;
      return absl::SimpleAtoi(text, &value) && value >= setting.min &&
             value <= setting.max;
    }
    case Setting::Kind::kChoice:
      return std::find(setting.choices.begin(), setting.choices.end(), text) !=
             setting.choices.end();
    case Setting::Kind::kText:
    case Setting::Kind::kSecret:
      return true;
  }
  return false;
}

absl::Status Check(const Setting& setting, const std::string& text, bool given) {
  if (!given) {
    if (!setting.required) return absl::OkStatus();
    return absl::InvalidArgumentError(
        absl::StrCat(AbslView(setting.name), " is not set: ", AbslView(setting.meaning)));
  }
  if (IsValid(setting, text)) return absl::OkStatus();
  const std::string shown =
      setting.kind == Setting::Kind::kSecret ? "" : absl::StrCat(" is '", text, "'");
  return absl::InvalidArgumentError(
      absl::StrCat(AbslView(setting.name), shown, ": ", Allowed(setting)));
}

Statements ReadEnvironment(const std::vector<Name>& names,
                           const Settings::Environment& environment) {
  Statements statements;
  for (const Name& name : names) {
    const char* const text = environment(name.variable().c_str());
    if (text == nullptr || (*text == '\0' && !name.setting->may_be_empty)) continue;
    statements.Add(name, text);
  }
  return statements;
}

absl::Status ReadFlags(const std::vector<Name>& names, absl::Span<const char* const> args,
                       Statements& statements, bool& check_only) {
  for (size_t i = 0; i < args.size(); ++i) {
    const absl::string_view arg = args[i];
    if (arg == "--check") {
      check_only = true;
      continue;
    }
    if (!absl::StartsWith(arg, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", arg, "' is no flag; --help lists them"));
    }
    const size_t equals = arg.find('=');
    const std::string flag = absl::StrReplaceAll(
        arg.substr(2, equals == arg.npos ? equals : equals - 2), {{"-", "_"}});
    const auto name = std::find_if(names.begin(), names.end(),
                                   [&](const Name& each) { return each.flag() == flag; });
    if (name == names.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no flag --", flag, "; --help lists them"));
    }
    if (equals == arg.npos && i + 1 == args.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, " has no value: ", Allowed(*name->setting)));
    }
    statements.Add(*name, equals == arg.npos ? args[++i]
                                             : std::string_view(arg.data() + equals + 1,
                                                                arg.size() - equals - 1));
  }
  return absl::OkStatus();
}

}  // namespace

Setting IntegerSetting(std::string_view name, std::string_view default_value,
                       std::string_view meaning, int64_t min, int64_t max) {
  Setting setting{name, Setting::Kind::kInteger, default_value, meaning};
  setting.min = min;
  setting.max = max;
  return setting;
}

std::vector<Setting> Join(std::initializer_list<std::vector<Setting>> tables) {
  std::vector<Setting> joined;
  for (const std::vector<Setting>& table : tables) {
    joined.insert(joined.end(), table.begin(), table.end());
  }
  return joined;
}

absl::StatusOr<Settings> Settings::Parse(absl::Span<const Setting> table,
                                         absl::Span<const char* const> args,
                                         const Environment& environment) {
  Settings settings;
  const std::vector<Name> names = NamesIn(table);
  const Statements by_environment = ReadEnvironment(names, environment);
  Statements by_flags;
  absl::Status read = ReadFlags(names, args, by_flags, settings.check_only_);
  if (!read.ok()) return read;
  for (const Setting& setting : table) {
    absl::StatusOr<std::optional<std::string>> said = by_flags.ValueOf(setting);
    if (said.ok() && !said->has_value()) said = by_environment.ValueOf(setting);
    if (!said.ok()) return said.status();
    const bool given = said->has_value();
    const std::string text = given ? **said : std::string(setting.default_value);
    const absl::Status status = Check(setting, text, given);
    if (!status.ok()) return status;
    settings.values_.emplace(setting.name, Value{text, given});
  }
  return settings;
}

const Settings::Value& Settings::Get(std::string_view name) const {
  const auto it = values_.find(name);
  CHECK(it != values_.end()) << "no setting " << name;
  return it->second;
}

const std::string& Settings::Text(std::string_view name) const { return Get(name).text; }

int64_t Settings::Integer(std::string_view name) const {
  int64_t value = 0;
  CHECK(absl::SimpleAtoi(Get(name).text, &value)) << name << " is no integer setting";
  return value;
}

std::vector<std::string> Settings::List(std::string_view name) const {
  std::vector<std::string> parts;
  for (const absl::string_view part : absl::StrSplit(Get(name).text, ',')) {
    const absl::string_view stripped = absl::StripAsciiWhitespace(part);
    if (!stripped.empty()) parts.emplace_back(stripped);
  }
  return parts;
}

bool Settings::IsGiven(std::string_view name) const { return Get(name).given; }

std::string HelpText(std::string_view program, std::string_view purpose,
                     absl::Span<const Setting> table) {
  std::string text =
      absl::StrCat(AbslView(program), ": ", AbslView(purpose),
                   "\n\n--check tries whether it could run with these settings. Each is "
                   "an environment variable and a flag; the flag wins.\n");
  for (const Setting& setting : table) {
    std::string facts;
    if (setting.required) {
      facts = "required";
    } else if (setting.default_value.empty()) {
      facts = "default: none";
    } else {
      facts = absl::StrCat("default: ", AbslView(setting.default_value));
    }
    if (setting.kind == Setting::Kind::kSecret) {
      absl::StrAppend(&facts, "; ", Name{&setting, true}.variable(),
                      ": a file that holds it");
    } else if (setting.kind != Setting::Kind::kText) {
      absl::StrAppend(&facts, "; ", Allowed(setting));
    }
    absl::StrAppend(&text, "\n  ", AbslView(setting.name), ", --",
                    Name{&setting, false}.flag(), "\n      ", AbslView(setting.meaning),
                    " (", facts, ")\n");
  }
  return text;
}

Settings ParseSettingsOrExit(std::string_view program, std::string_view purpose,
                             absl::Span<const Setting> table, int argc, char** argv) {
  const std::vector<const char*> args(argv + 1, argv + argc);
  for (const absl::string_view arg : args) {
    if (arg == "--help") {
      std::fputs(HelpText(program, purpose, table).c_str(), stdout);
      std::exit(0);
    }
  }
  absl::StatusOr<Settings> settings =
      Settings::Parse(table, args, [](const char* name) { return std::getenv(name); });
  if (!settings.ok()) {
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(program.size()), program.data(),
                 std::string(settings.status().message()).c_str());
    std::exit(2);
  }
  return *std::move(settings);
}

}  // namespace chatter
