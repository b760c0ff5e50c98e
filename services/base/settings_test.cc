#include "services/base/settings.h"

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<Setting>& Table() {
  static const std::vector<Setting> table = [] {
    Setting port{"PORT", Setting::Kind::kInteger, "80", "where to listen"};
    port.max = 65535;
    Setting secret{"API_SECRET", Setting::Kind::kSecret, "", "the secret"};
    Setting policy{"POLICY", Setting::Kind::kChoice, "always", "when"};
    policy.choices = {"always", "offline"};
    Setting root{"WEB_ROOT", Setting::Kind::kText, "built-in", "the page"};
    root.may_be_empty = true;
    Setting origins{"ORIGINS", Setting::Kind::kText, "", "who may"};
    return std::vector<Setting>{port, secret, policy, root, origins};
  }();
  return table;
}

absl::StatusOr<Settings> Parse(std::vector<const char*> args,
                               std::map<std::string, std::string> environment = {},
                               std::vector<Setting> table = Table()) {
  return Settings::Parse(table, args, [&](const char* name) -> const char* {
    const auto it = environment.find(name);
    return it == environment.end() ? nullptr : it->second.c_str();
  });
}

std::string ErrorOf(const absl::StatusOr<Settings>& settings) {
  EXPECT_EQ(settings.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(settings.status().message()), Not(HasSubstr("\n")));
  return std::string(settings.status().message());
}

TEST(SettingsTest, TheFlagWinsOverTheEnvironmentAndThatOverTheDefault) {
  EXPECT_EQ(Parse({})->Integer("PORT"), 80);
  EXPECT_FALSE(Parse({})->IsGiven("PORT"));
  EXPECT_EQ(Parse({}, {{"PORT", "81"}})->Integer("PORT"), 81);
  EXPECT_EQ(Parse({"--port=82"}, {{"PORT", "81"}})->Integer("PORT"), 82);
  EXPECT_EQ(Parse({"--port", "83"})->Integer("PORT"), 83);
  EXPECT_TRUE(Parse({"--port", "83"})->IsGiven("PORT"));
  EXPECT_EQ(Parse({"--web-root=/a=b"})->Text("WEB_ROOT"), "/a=b");
}

TEST(SettingsTest, EmptyIsNotSetUnlessItMayBe) {
  EXPECT_EQ(Parse({}, {{"PORT", ""}})->Integer("PORT"), 80);
  EXPECT_EQ(Parse({}, {{"WEB_ROOT", ""}})->Text("WEB_ROOT"), "");
  EXPECT_EQ(Parse({})->Text("WEB_ROOT"), "built-in");
}

TEST(SettingsTest, AWrongValueIsNamedWithWhatIsAllowed) {
  EXPECT_EQ(ErrorOf(Parse({}, {{"PORT", "70000"}})),
            "PORT is '70000': want a whole number from 0 to 65535");
  EXPECT_EQ(ErrorOf(Parse({"--port="})),
            "PORT is '': want a whole number from 0 to 65535");
  EXPECT_EQ(ErrorOf(Parse({"--policy=never"})),
            "POLICY is 'never': want one of always, offline");
}

TEST(SettingsTest, FlagsThatDoNotExistOrLackAValueAreErrors) {
  EXPECT_THAT(ErrorOf(Parse({"--prot=1"})), HasSubstr("--prot"));
  EXPECT_THAT(ErrorOf(Parse({"port"})), HasSubstr("'port'"));
  EXPECT_THAT(ErrorOf(Parse({"--port"})), HasSubstr("no value"));
}

TEST(SettingsTest, ARequiredOneMustBeThere) {
  Setting url{"URL", Setting::Kind::kText, "", "uacl's address"};
  url.required = true;
  EXPECT_EQ(ErrorOf(Parse({}, {}, {url})), "URL is not set: uacl's address");
  EXPECT_EQ(Parse({}, {{"URL", "http://x"}}, {url})->Text("URL"), "http://x");
}

std::string FileWith(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << content;
  return path;
}

TEST(SettingsTest, ASecretMayStandInAFile) {
  const std::string path = FileWith("secret", "open sesame\n");
  EXPECT_EQ(Parse({}, {{"API_SECRET_FILE", path}})->Text("API_SECRET"), "open sesame");
  EXPECT_TRUE(Parse({}, {{"API_SECRET_FILE", path}})->IsGiven("API_SECRET"));
  const std::string flag = "--api-secret-file=" + path;
  EXPECT_EQ(Parse({flag.c_str()})->Text("API_SECRET"), "open sesame");
  EXPECT_EQ(Parse({flag.c_str()}, {{"API_SECRET", "other"}})->Text("API_SECRET"),
            "open sesame");
  EXPECT_EQ(Parse({"--api-secret=x"}, {{"API_SECRET_FILE", path}})->Text("API_SECRET"),
            "x");
  // Other settings have no file.
  EXPECT_THAT(ErrorOf(Parse({"--port-file=x"})), HasSubstr("--port_file"));
}

TEST(SettingsTest, AFileThatDoesNotHoldASecretIsAnError) {
  EXPECT_THAT(ErrorOf(Parse({}, {{"API_SECRET_FILE", "/none"}})),
              HasSubstr("API_SECRET_FILE is '/none': cannot read it: No such file"));
  EXPECT_THAT(ErrorOf(Parse({}, {{"API_SECRET_FILE", "/"}})), HasSubstr("cannot read"));
  const std::string empty = FileWith("empty", "\n");
  EXPECT_THAT(ErrorOf(Parse({}, {{"API_SECRET_FILE", empty}})), HasSubstr("is empty"));
  const std::string large = FileWith("large", std::string(65537, 'x'));
  EXPECT_THAT(ErrorOf(Parse({}, {{"API_SECRET_FILE", large}})),
              HasSubstr("at most 65536 bytes"));
  EXPECT_EQ(ErrorOf(Parse({}, {{"API_SECRET_FILE", large}, {"API_SECRET", "x"}})),
            "API_SECRET and API_SECRET_FILE are both set: want one");
}

TEST(SettingsTest, CheckIsAskedForByAFlagAlone) {
  EXPECT_FALSE(Parse({})->check_only());
  EXPECT_TRUE(Parse({"--check", "--port=1"})->check_only());
}

TEST(SettingsTest, ListsAreSplitAtCommas) {
  EXPECT_THAT(Parse({"--origins=a, b,,c"})->List("ORIGINS"), ElementsAre("a", "b", "c"));
  EXPECT_THAT(Parse({})->List("ORIGINS"), ElementsAre());
}

TEST(SettingsTest, TheHelpListsEverything) {
  const std::string help = HelpText("edged", "the edge", Table());
  for (const Setting& setting : Table()) {
    EXPECT_THAT(help, HasSubstr(std::string(setting.name)));
    EXPECT_THAT(help, HasSubstr(std::string(setting.meaning)));
  }
  EXPECT_THAT(help, HasSubstr("PORT, --port\n"));
  EXPECT_THAT(help, HasSubstr("API_SECRET_FILE: a file that holds it"));
  EXPECT_THAT(help, HasSubstr("default: 80; want a whole number from 0 to 65535"));
}

}  // namespace
}  // namespace chatter
