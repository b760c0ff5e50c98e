// `--check` of every program, against real neighbours and none.
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

// Nobody listens there.
constexpr char kNobody[] = "http://127.0.0.1:1/";

struct Checked {
  int exit_code = -1;
  std::string output;
};

Checked Check(const std::string& program,
              const std::map<std::string, std::string>& environment) {
  // The report goes to stdout; the shell sends it where a test reads.
  const auto process =
      Process::Start({{"sh", "-c", program + " --check >&2"}, environment, ""});
  const std::optional<int> code = process->Wait(kTestDeadline);
  return {code.value_or(-1), process->Output()};
}

class CheckTest : public ::testing::TestWithParam<Engine> {
 protected:
  CheckTest()
      : cluster_([] {
          ClusterOptions options;
          options.engine = GetParam();
          return options;
        }()) {
    uacl_url_ = absl::StrCat("http://127.0.0.1:", cluster_.uacl().port(), "/authorize");
    notif_url_ =
        absl::StrCat("http://127.0.0.1:", cluster_.notif().port(), "/notification");
    chatd_ = {{"DATABASE_URL", cluster_.database_url()},
              {"VERIFICATION_URL", uacl_url_},
              {"NOTIFICATION_URL", notif_url_},
              {"NOTIFICATION_AUTH", kNotificationAuth}};
  }

  Cluster cluster_;
  std::string uacl_url_;
  std::string notif_url_;
  std::map<std::string, std::string> chatd_;
};

TEST_P(CheckTest, ChatdSaysOkBesideOneThatRuns) {
  const Checked checked = Check("services/chat/chatd", chatd_);
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_THAT(checked.output, ContainsRegex("ok +DATABASE_URL: .*schema version"));
  EXPECT_THAT(checked.output, ContainsRegex("ok +VERIFICATION_URL: "));
  EXPECT_THAT(checked.output, ContainsRegex("ok +NOTIFICATION_URL: "));
  EXPECT_THAT(checked.output, Not(HasSubstr("FAILED")));
  EXPECT_TRUE(cluster_.notif().received().empty());
}

TEST_P(CheckTest, ChatdSaysOfEachThingWhatIsWrong) {
  chatd_["VERIFICATION_URL"] = kNobody;
  chatd_["NOTIFICATION_AUTH"] = "wrong";
  Checked checked = Check("services/chat/chatd", chatd_);
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.output, ContainsRegex("ok +DATABASE_URL: "));
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +VERIFICATION_URL: .*connect"));
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +NOTIFICATION_URL: .*401"));

  chatd_["VERIFICATION_URL"] = uacl_url_ + "/none";
  chatd_["NOTIFICATION_URL"] = notif_url_ + "/none";
  checked = Check("services/chat/chatd", chatd_);
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +VERIFICATION_URL: .*404"));
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +NOTIFICATION_URL: .*404"));

  chatd_["DATABASE_URL"] = "postgres://user:pa55word@127.0.0.1:1/db";
  checked = Check("services/chat/chatd", chatd_);
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +DATABASE_URL: "));
  EXPECT_THAT(checked.output, Not(HasSubstr("pa55word")));
}

TEST_P(CheckTest, WhatStopsAStartOfChatdStopsACheckToo) {
  const std::pair<std::string, std::string> wrong[] = {
      {"CHAT_LISTEN", "0.0.0.0:0"}, {"CHAT_LISTEN", ","}, {"ADMIN_LISTEN", "9101"}};
  for (const auto& [variable, value] : wrong) {
    auto settings = chatd_;
    settings[variable] = value;
    const Checked checked = Check("services/chat/chatd", settings);
    const auto started = Process::Start({{"services/chat/chatd"}, settings, ""});
    // With 2 systemd does not try again.
    EXPECT_EQ(checked.exit_code, 2) << value;
    EXPECT_EQ(started->Wait(kTestDeadline).value_or(-1), 2) << value;
    EXPECT_THAT(checked.output, HasSubstr(variable));
    EXPECT_EQ(started->Output(), checked.output);
  }
}

TEST_P(CheckTest, EdgedCallsTheChatService) {
  const std::map<std::string, std::string> settings = {
      {"CHAT_TARGET", cluster_.chat_target()}};
  Checked checked = Check("edge/edged", settings);
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  EXPECT_THAT(checked.output, ContainsRegex("ok +CHAT_TARGET: "));
  cluster_.StopChatd();
  checked = Check("edge/edged", settings);
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.output, ContainsRegex("FAILED +CHAT_TARGET: "));
  checked = Check("edge/edged", {{"WEB_ROOT", "/nowhere"}});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.output, ContainsRegex("FAILED .*WEB_ROOT: "));
  checked = Check("edge/edged", {{"ADMIN_LISTEN", "9102"}});
  EXPECT_EQ(checked.exit_code, 1);
  EXPECT_THAT(checked.output, ContainsRegex("FAILED .*ADMIN_LISTEN "));
}

TEST_P(CheckTest, TheAdaptersCallTheirNeighbours) {
  Checked checked =
      Check("services/identity/identityd", {{"VERIFICATION_URL", uacl_url_}});
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  checked = Check("services/identity/identityd", {{"VERIFICATION_URL", kNobody}});
  EXPECT_EQ(checked.exit_code, 1) << checked.output;
  checked = Check("services/notification/notificationd", chatd_);
  EXPECT_EQ(checked.exit_code, 0) << checked.output;
  checked = Check("services/notification/notificationd", {{"NOTIFICATION_URL", kNobody}});
  EXPECT_EQ(checked.exit_code, 1) << checked.output;
}

INSTANTIATE_TEST_SUITE_P(Engines, CheckTest,
                         ::testing::Values(Engine::kSqlite, Engine::kPostgres),
                         [](const auto& info) { return NameOf(info.param); });

}  // namespace
}  // namespace chatter::testing
