// The load generator with the real programs: that each workload runs without an error,
// and that it says so when there is one. No number that it measures is looked at here.
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "storage/testing/process.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kLoadgen[] = "tools/loadgen/loadgen";

std::string Read(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

std::unique_ptr<Process> Start(Cluster& cluster, const std::vector<std::string>& flags) {
  std::vector<std::string> command = {
      kLoadgen,
      absl::StrCat("--edge=127.0.0.1:", cluster.port()),
      absl::StrCat("--uacl=127.0.0.1:", cluster.uacl().port()),
      absl::StrCat("--notif=127.0.0.1:", cluster.notif().port()),
      absl::StrCat("--server_pids=edged:", cluster.edged().pid(),
                   ",chatd:", cluster.chatd().pid()),
      absl::StrCat("--json=", cluster.folder(), "/result.json"),
      absl::StrCat("--plot=", cluster.folder(), "/result.svg"),
      "--warmup=0"};
  command.insert(command.end(), flags.begin(), flags.end());
  return Process::Start({command, {}, ""});
}

// Without the limits of what one user and one address may do.
ClusterOptions Unlimited() {
  ClusterOptions options;
  options.chatd["MESSAGE_RATE"] = "0";
  return options;
}

struct Load {
  std::string name;
  std::vector<std::string> flags;
};

class LoadgenTest : public ::testing::TestWithParam<Load> {
 protected:
  static void SetUpTestSuite() { cluster_ = new Cluster(Unlimited()); }
  static void TearDownTestSuite() { delete cluster_; }

  static inline Cluster* cluster_;
};

TEST_P(LoadgenTest, RunsWithoutAnError) {
  std::vector<std::string> flags = GetParam().flags;
  flags.push_back("--duration=1");
  const auto loadgen = Start(*cluster_, flags);
  const std::optional<int> code = loadgen->Wait(kTestDeadline);
  ASSERT_EQ(code, 0) << loadgen->Output();

  rapidjson::Document json;
  json.Parse(Read(cluster_->folder() + "/result.json"));
  ASSERT_TRUE(json.IsObject());
  EXPECT_STREQ(json["failure"].GetString(), "");
  ASSERT_EQ(json["servers"].Size(), 2u);
  EXPECT_THAT(Read(cluster_->folder() + "/result.svg"), HasSubstr("</svg>"));
  if (GetParam().name == "Idle") {
    // Pings come later than this ends.
    EXPECT_TRUE(json["figures"].HasMember("edged_private_bytes_each"));
    return;
  }
  EXPECT_GT(json["count"].GetInt(), 0);
  // Whoever comes may be seen each time before its own session is open.
  const bool may_be_zero = GetParam().flags[0] == "--workload=presence";
  EXPECT_GE(json["latencies"][0]["max_us"].GetDouble(), may_be_zero ? 0 : 0.001);
  EXPECT_GT(json["servers"][0]["cpu_s"].GetDouble(), 0);
  EXPECT_GT(json["generator"]["cpu_s"].GetDouble(), 0);
}

INSTANTIATE_TEST_SUITE_P(
    Workloads, LoadgenTest,
    ::testing::Values(
        Load{"Dm", {"--workload=dm", "--pairs=2", "--window=5"}},
        Load{"DmBothWays", {"--workload=dm", "--pairs=2", "--both_ways=1"}},
        Load{"Rate", {"--workload=rate", "--pairs=2", "--rate=500"}},
        Load{"Idle", {"--workload=idle", "--connections=50", "--users=2"}},
        Load{"Storm", {"--workload=storm", "--users=4", "--clients=2"}},
        Load{"Fanout", {"--workload=fanout", "--devices=3", "--window=2"}},
        Load{"History", {"--workload=history", "--clients=3", "--pairs=2"}},
        Load{"Rest", {"--workload=rest", "--clients=2"}},
        Load{"Churn", {"--workload=churn", "--clients=4", "--rate=40"}},
        Load{"Presence", {"--workload=presence", "--users=5", "--addresses=3"}},
        Load{"PresenceWithoutLeaving", {"--workload=presence", "--users=4", "--leave=0"}},
        Load{"Notify", {"--workload=notify", "--pairs=2", "--messages=5"}}),
    [](const auto& info) { return info.param.name; });

TEST(LoadgenFailureTest, ASessionThatEndsIsAnError) {
  Cluster cluster(Unlimited());
  const auto loadgen = Start(cluster, {"--workload=dm", "--pairs=1", "--duration=30"});
  ASSERT_TRUE(loadgen->WaitForLine("1 s: ", kTestDeadline).has_value())
      << loadgen->Output();
  cluster.KillEdged();
  EXPECT_EQ(loadgen->Wait(kTestDeadline), 1);
  EXPECT_THAT(loadgen->Output(), HasSubstr("was closed with 1006"));
  EXPECT_THAT(Read(cluster.folder() + "/result.json"), HasSubstr("closed with 1006"));
}

TEST(LoadgenFailureTest, AHistoryThatIsNotThereIsAnError) {
  Cluster cluster(Unlimited());
  const auto loadgen =
      Start(cluster, {"--workload=history", "--pairs=1", "--duration=1", "--fill=0"});
  EXPECT_EQ(loadgen->Wait(kTestDeadline), 1);
  EXPECT_THAT(loadgen->Output(), HasSubstr("a history has 0 messages, not 50"));
}

TEST(LoadgenFailureTest, AnotherMachineIsRefused) {
  const auto loadgen =
      Process::Start({{kLoadgen, "--workload=dm", "--edge=192.0.2.1:80"}, {}, ""});
  EXPECT_EQ(loadgen->Wait(kTestDeadline), 2);
  EXPECT_THAT(loadgen->Output(), HasSubstr("only this machine"));
}

}  // namespace
}  // namespace chatter::testing
