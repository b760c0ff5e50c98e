#include "services/base/settings.h"

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
  EXPECT_THAT(help, HasSubstr("default: 80; want a whole number from 0 to 65535"));
}

}  // namespace
}  // namespace chatter
