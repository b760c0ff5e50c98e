#include "services/base/settings.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
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

std::string FlagName(std::string_view variable) {
  return absl::AsciiStrToLower(AbslView(variable));
}

const Setting* FindByFlag(absl::Span<const Setting> table, const std::string& flag) {
  const auto it = std::find_if(table.begin(), table.end(), [&](const Setting& setting) {
    return FlagName(setting.name) == flag;
  });
  return it == table.end() ? nullptr : &*it;
}

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

}  // namespace

Setting IntegerSetting(std::string_view name, std::string_view default_value,
                       std::string_view meaning, int64_t min, int64_t max) {
  Setting setting{name, Setting::Kind::kInteger, default_value, meaning};
  setting.min = min;
  setting.max = max;
  return setting;
}

absl::StatusOr<Settings> Settings::Parse(absl::Span<const Setting> table,
                                         absl::Span<const char* const> args,
                                         const Environment& environment) {
  Settings settings;
  for (const Setting& setting : table) {
    Value& value = settings.values_[std::string(setting.name)];
    value.text = std::string(setting.default_value);
    const char* const text = environment(std::string(setting.name).c_str());
    if (text == nullptr || (*text == '\0' && !setting.may_be_empty)) continue;
    value = {text, true};
  }
  for (size_t i = 0; i < args.size(); ++i) {
    const absl::string_view arg = args[i];
    if (!absl::StartsWith(arg, "--")) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", arg, "' is no flag; --help lists them"));
    }
    const size_t equals = arg.find('=');
    const std::string flag = absl::StrReplaceAll(
        arg.substr(2, equals == arg.npos ? equals : equals - 2), {{"-", "_"}});
    const Setting* const setting = FindByFlag(table, flag);
    if (setting == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no flag --", flag, "; --help lists them"));
    }
    if (equals == arg.npos && i + 1 == args.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("--", flag, " has no value: ", Allowed(*setting)));
    }
    settings.values_[std::string(setting->name)] = {
        equals == arg.npos ? std::string(args[++i]) : std::string(arg.substr(equals + 1)),
        true};
  }
  for (const Setting& setting : table) {
    const Value& value = settings.Get(setting.name);
    const absl::Status status = Check(setting, value.text, value.given);
    if (!status.ok()) return status;
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
                   "\n\nEach setting is an environment variable and a flag; the flag "
                   "wins.\n");
  for (const Setting& setting : table) {
    std::string facts;
    if (setting.required) {
      facts = "required";
    } else if (setting.default_value.empty()) {
      facts = "default: none";
    } else {
      facts = absl::StrCat("default: ", AbslView(setting.default_value));
    }
    if (setting.kind == Setting::Kind::kInteger ||
        setting.kind == Setting::Kind::kChoice) {
      absl::StrAppend(&facts, "; ", Allowed(setting));
    }
    absl::StrAppend(&text, "\n  ", AbslView(setting.name), ", --", FlagName(setting.name),
                    "\n      ", AbslView(setting.meaning), " (", facts, ")\n");
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
