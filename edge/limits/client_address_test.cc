#include "edge/limits/client_address.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using ::testing::HasSubstr;

asio::ip::address Ip(const std::string& text) { return asio::ip::make_address(text); }
ClientAddress Client(const std::string& text) { return ClientAddressOf(Ip(text)); }

TEST(ClientAddressTest, IsAnIpv4AddressHoweverItIsWritten) {
  EXPECT_EQ(Client("192.0.2.1"), Client("::ffff:192.0.2.1"));
  EXPECT_NE(Client("192.0.2.1"), Client("192.0.2.2"));
  EXPECT_NE(Client("192.0.2.1"), Client("193.0.2.1"));
}

TEST(ClientAddressTest, IsTheNetworkOfAnIpv6Address) {
  EXPECT_EQ(Client("2001:db8:1:2::1"), Client("2001:db8:1:2:ffff:ffff:ffff:ffff"));
  EXPECT_NE(Client("2001:db8:1:2::1"), Client("2001:db8:1:3::1"));
  EXPECT_NE(Client("2001:db8:1:2::1"), Client("2002:db8:1:2::1"));
  EXPECT_NE(Client("::1"), Client("127.0.0.1"));
  EXPECT_NE(Client("fe80::1"), kNoAddress);
}

TEST(TrustedProxiesTest, AreAddressesAndNetworks) {
  const auto proxies = TrustedProxies::Parse(
      {"192.0.2.1", "10.0.0.0/8", "172.16.0.0/12", "2001:db8:4000::/34", "::1"});
  ASSERT_TRUE(proxies.ok()) << proxies.status();
  for (const char* const in :
       {"192.0.2.1", "::ffff:192.0.2.1", "10.0.0.0", "10.255.255.255", "172.31.0.1",
        "2001:db8:7fff::1", "::1"}) {
    EXPECT_TRUE(proxies->Has(Ip(in))) << in;
  }
  for (const char* const out : {"192.0.2.2", "11.0.0.0", "9.255.255.255", "172.32.0.1",
                                "172.15.0.1", "2001:db8:8000::1", "::2", "::a00:1"}) {
    EXPECT_FALSE(proxies->Has(Ip(out))) << out;
  }
  EXPECT_FALSE(TrustedProxies().Has(Ip("127.0.0.1")));
  EXPECT_TRUE(TrustedProxies::Parse({"0.0.0.0/0"})->Has(Ip("198.51.100.1")));
  EXPECT_FALSE(TrustedProxies::Parse({"0.0.0.0/0"})->Has(Ip("2001:db8::1")));
}

TEST(TrustedProxiesTest, WhatIsNoneIsNamed) {
  for (const std::string wrong :
       {"proxy.example", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8x", "/8",
        "10.0.0.1/8", "2001:db8::/129", "2001:db8::1/64", "fe80::1%lo", "1.2.3"}) {
    const auto proxies = TrustedProxies::Parse({"10.0.0.0/8", wrong});
    ASSERT_FALSE(proxies.ok()) << wrong;
    EXPECT_THAT(std::string(proxies.status().message()), HasSubstr("'" + wrong + "'"));
  }
}

TEST(TrustedProxiesTest, TheClientIsTheRightmostWhoIsNoProxy) {
  const TrustedProxies proxies = *TrustedProxies::Parse({"10.0.0.0/8", "2001:db8::/32"});
  const auto behind = [&](const std::string& header) {
    return proxies.ClientBehind(header);
  };
  EXPECT_EQ(behind("192.0.2.1"), Client("192.0.2.1"));
  EXPECT_EQ(behind("192.0.2.1, 10.1.1.1,10.2.2.2"), Client("192.0.2.1"));
  EXPECT_EQ(behind("2001:db9::7, 2001:db8::1"), Client("2001:db9::7"));
  // What a client wrote into its own request.
  EXPECT_EQ(behind("198.51.100.1, 192.0.2.1"), Client("192.0.2.1"));
  EXPECT_EQ(behind("10.9.9.9, 192.0.2.1, 10.1.1.1"), Client("192.0.2.1"));
  EXPECT_EQ(behind("garbage, , 192.0.2.1"), Client("192.0.2.1"));
  // With ports, as some proxies write it.
  EXPECT_EQ(behind("192.0.2.1:4711"), Client("192.0.2.1"));
  EXPECT_EQ(behind("[2001:db9::7]:443"), Client("2001:db9::7"));
  // A proxy's own, by way of others.
  EXPECT_EQ(behind("10.3.3.3, 10.1.1.1"), Client("10.3.3.3"));
}

TEST(TrustedProxiesTest, AMalformedHeaderSaysNothing) {
  const TrustedProxies proxies = *TrustedProxies::Parse({"10.0.0.0/8"});
  for (const char* const header : {"", ",", "unknown", "192.0.2.1, unknown", "192.0.2.1,",
                                   "192.0.2.1, garbage, "
                                   "10.1.1.1",
                                   "[2001:db9::7", "192.0.2.1.5", "fe80::1%eth0"}) {
    EXPECT_FALSE(proxies.ClientBehind(header).has_value()) << header;
  }
}

}  // namespace
}  // namespace chatter::edge
