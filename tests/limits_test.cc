// What one user and one address may do: README, "Limits".
#include <memory>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

TEST(MessageRateTest, WhatIsTooMuchIsToldSoAndTheRestIsStored) {
  ClusterOptions options;
  options.chatd["MESSAGE_RATE"] = "1";
  Cluster cluster(options);
  const Person alice = cluster.NewPerson("alice", "g");
  const auto laptop = cluster.Connect(alice), phone = cluster.Connect(alice);
  const auto bob = cluster.Connect(cluster.NewPerson("bob", "elsewhere"));

  // More than comes in by the second while this runs.
  constexpr int kSends = 200;
  for (int i = 0; i < kSends; ++i) laptop->SendMessage("alice", absl::StrCat(i));
  std::set<std::string> stored;
  int refused = 0;
  for (int i = 0; i < kSends; ++i) {
    const rapidjson::Document json = laptop->ReadJson();
    if (json.HasMember("id")) {
      stored.insert(json["message"].GetString());
      continue;
    }
    ++refused;
    EXPECT_STREQ(json["error"]["code"].GetString(), "rate_limited");
    EXPECT_GT(json["error"]["retry_after_ms"].GetInt(), 0);
    EXPECT_LE(json["error"]["retry_after_ms"].GetInt(), 1000);
  }
  EXPECT_GE(stored.size(), 10u);
  EXPECT_GT(refused, 0);
  // Nobody else has to wait.
  bob->SendMessage("bob", "hi");
  EXPECT_EQ(bob->ReadJson()["message"], "hi");

  // Later, and from elsewhere, it goes on.
  for (size_t i = 0; i < stored.size(); ++i) phone->ReadJsonWith("id");
  bool goes_on = false;
  while (!goes_on) {
    phone->SendMessage("alice", "at last");
    goes_on = phone->ReadJson().HasMember("id");
  }
  stored.insert("at last");
  const HttpReply reply =
      Ask(cluster.port(), "GET", "/messages?from=alice&to=alice", {alice.authorization});
  rapidjson::Document history;
  history.Parse(reply.body);
  std::set<std::string> texts;
  for (const auto& message : history["result"].GetArray()) {
    texts.insert(message["message"].GetString());
  }
  EXPECT_EQ(texts, stored);
}

}  // namespace
}  // namespace chatter::testing
