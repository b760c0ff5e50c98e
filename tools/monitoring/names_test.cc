// Holds the dashboard, the alerts and their README to what the programs export: runs
// them, and gives names_test.py the pages of both.
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

std::string SavePage(const Process& program, const std::string& name) {
  const HttpReply page = Ask(AdminPort(program), "GET", "/metrics");
  EXPECT_EQ(page.status, 200);
  const std::string path = ::testing::TempDir() + "/" + name;
  std::ofstream(path) << page.body;
  return path;
}

TEST(NamesTest, DashboardAlertsAndReadmeUseWhatIsExported) {
  ClusterOptions options;
  options.chatd["ADMIN_LISTEN"] = "127.0.0.1:0";
  options.edged["ADMIN_LISTEN"] = "127.0.0.1:0";
  Cluster cluster(options);
  const auto alice = cluster.Connect(cluster.NewPerson("alice", "g"));
  const auto bob = cluster.Connect(cluster.NewPerson("bob", "g"));
  alice->SendMessage("bob", "hello");
  bob->ReadJsonWith("message");
  RunToEnd(
      {{"/usr/bin/python3", "-B", "tools/monitoring/names_test.py",
        SavePage(cluster.chatd(), "chatd.txt"), SavePage(cluster.edged(), "edged.txt")},
       {},
       ""},
      kTestDeadline);
}

}  // namespace
}  // namespace chatter::testing
