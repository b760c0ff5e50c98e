#include "tools/loadgen/options.h"

#include <arpa/inet.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/loadgen/event_loop.h"

namespace chatter::loadgen {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<Options> Read(const std::vector<const char*>& args) {
  const auto settings = Settings::Parse(
      SettingsTable(), args, [](const char*) -> const char* { return nullptr; });
  if (!settings.ok()) return settings.status();
  return ReadOptions(*settings);
}

TEST(OptionsTest, TakesAddressesOfThisMachineOnly) {
  for (const char* const good : {"127.0.0.1:8080", "127.1.2.3:1", "localhost:65535"}) {
    EXPECT_TRUE(ParseTarget("EDGE", good).ok()) << good;
  }
  for (const char* const other :
       {"10.0.0.1:80", "0.0.0.0:80", "128.0.0.1:80", "192.168.127.1:80"}) {
    EXPECT_THAT(std::string(ParseTarget("EDGE", other).status().message()),
                HasSubstr("only this machine"));
  }
  for (const char* const bad : {"", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536",
                                "example.com:80", ":80", "127.0.0.1:x"}) {
    EXPECT_THAT(std::string(ParseTarget("EDGE", bad).status().message()),
                HasSubstr("want an address"));
  }
  const Target target = ParseTarget("EDGE", "127.0.0.2:8080").value();
  EXPECT_EQ(ntohl(target.address.sin_addr.s_addr), 0x7F000002u);
  EXPECT_EQ(ntohs(target.address.sin_port), 8080);
}

TEST(OptionsTest, ReadsNamedPids) {
  const auto pids = ParsePids({"edged:12", "postgres:7"});
  ASSERT_TRUE(pids.ok()) << pids.status();
  ASSERT_EQ(pids->size(), 2u);
  EXPECT_EQ((*pids)[0].name, "edged");
  EXPECT_EQ((*pids)[0].pid, 12);
  EXPECT_EQ((*pids)[1].pid, 7);
  for (const char* const bad : {"edged", "12", ":12", "edged:", "edged:x", "edged:0"}) {
    EXPECT_FALSE(ParsePids({bad}).ok()) << bad;
  }
}

TEST(OptionsTest, WhatIsNotSaidIsTheWorkloadsOwn) {
  const Options storm = Read({"--workload=storm"}).value();
  EXPECT_EQ(storm.users, 5000);
  EXPECT_EQ(storm.clients, 32);
  EXPECT_EQ(storm.group_size, 2);
  EXPECT_EQ(storm.duration_ns, 10 * kSecond);
  EXPECT_EQ(Read({"--workload=rate"}).value().rate, 2000);
  EXPECT_EQ(Read({"--workload=churn"}).value().rate, 50);
  EXPECT_EQ(Read({"--workload=churn", "--rate=7"}).value().rate, 7);
  // All of them are one group.
  EXPECT_EQ(Read({"--workload=presence", "--users=30"}).value().group_size, 30);
}

TEST(OptionsTest, RefusesWhatCannotBe) {
  EXPECT_FALSE(Read({}).ok());
  EXPECT_FALSE(Read({"--workload=all"}).ok());
  for (const char* const bad :
       {"--edge=8.8.8.8:80", "--uacl=8.8.8.8:80", "--server_pids=12",
        "--user_prefix=A\"b", "--request=healthz", "--request=/a b", "--size=9",
        "--duration=0"}) {
    EXPECT_FALSE(Read({"--workload=dm", bad}).ok()) << bad;
  }
  EXPECT_FALSE(Read({"--workload=presence", "--users=5001"}).ok());
}

}  // namespace
}  // namespace chatter::loadgen
