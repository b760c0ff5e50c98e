#include "edge/limits/edge_limits.h"

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

struct FakeMemory : ProcessMemory {
  int64_t ResidentBytes() override { return used; }
  void GiveBack() override {}

  int64_t used = 0;
};

constexpr Peer kAlice{ClientAddress{1}, false};
constexpr Peer kBob{ClientAddress{2}, false};
constexpr Peer kProxy{ClientAddress{3}, true};

TEST(EdgeLimitsTest, ConnectionsAreBoundedInAllAndForEachAddress) {
  LimitOptions options;
  options.max_connections = 5;
  options.max_connections_per_address = 2;
  EdgeLimits limits(options);
  EXPECT_EQ(limits.Admit(kAlice), Admission::kAdmitted);
  EXPECT_EQ(limits.Admit(kAlice), Admission::kAdmitted);
  EXPECT_EQ(limits.Admit(kAlice), Admission::kTooManyOfAddress);
  EXPECT_EQ(limits.Admit(kAlice), Admission::kTooManyOfAddress);
  // A proxy's are those of many clients.
  for (int i = 0; i < 3; ++i) EXPECT_EQ(limits.Admit(kProxy), Admission::kAdmitted);
  EXPECT_EQ(limits.Admit(kProxy), Admission::kTooMany);
  EXPECT_EQ(limits.Admit(kBob), Admission::kTooMany);
  limits.Leave();
  EXPECT_EQ(limits.Admit(kBob), Admission::kAdmitted);
  EXPECT_EQ(limits.Admit(kBob), Admission::kTooMany);
}

TEST(EdgeLimitsTest, WithoutMemoryNobodyIsAdmitted) {
  LimitOptions options;
  options.max_memory_bytes = 1000;
  FakeMemory memory;
  EdgeLimits limits(options, memory);
  memory.used = 2000;
  limits.memory.Tick(absl::Seconds(1));
  EXPECT_EQ(limits.Admit(kAlice), Admission::kNoMemory);
  memory.used = 500;
  limits.memory.Tick(absl::Seconds(2));
  EXPECT_EQ(limits.Admit(kAlice), Admission::kAdmitted);
}

TEST(EdgeLimitsTest, AHundredRefusedOnesAreTold) {
  EdgeLimits limits((LimitOptions()));
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(limits.BeginRefusal());
  EXPECT_FALSE(limits.BeginRefusal());
  limits.EndRefusal();
  EXPECT_TRUE(limits.BeginRefusal());
  EXPECT_FALSE(limits.BeginRefusal());
}

TEST(EdgeLimitsTest, KnowsItsPeers) {
  LimitOptions options;
  options.trusted_proxies = *TrustedProxies::Parse({"10.0.0.0/8"});
  const EdgeLimits limits(options);
  EXPECT_TRUE(limits.PeerAt(asio::ip::make_address("::ffff:10.1.1.1")).is_proxy);
  const Peer stranger = limits.PeerAt(asio::ip::make_address("192.0.2.1"));
  EXPECT_FALSE(stranger.is_proxy);
  EXPECT_EQ(stranger.address, ClientAddressOf(asio::ip::make_address("192.0.2.1")));
}

}  // namespace
}  // namespace chatter::edge
