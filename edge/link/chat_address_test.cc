#include "edge/link/chat_address.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

TEST(ChatAddressTest, ReadsHostsAndPorts) {
  const auto local = ParseChatAddress("127.0.0.1:50051");
  ASSERT_TRUE(local.ok()) << local.status();
  EXPECT_EQ(local->host, "127.0.0.1");
  EXPECT_EQ(local->port, "50051");
  EXPECT_EQ(local->unix_path, "");
  EXPECT_EQ(ParseChatAddress("chatd.internal:1")->host, "chatd.internal");
  EXPECT_EQ(ParseChatAddress("[::1]:65535")->host, "::1");
}

TEST(ChatAddressTest, ReadsPaths) {
  const auto address = ParseChatAddress("unix:/run/chatter/chatd.sock");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_EQ(address->unix_path, "/run/chatter/chatd.sock");
  EXPECT_EQ(address->host, "");
}

TEST(ChatAddressTest, SaysWhatIsWrong) {
  for (const std::string target : {"", "chatd", ":50051", "chatd:", "chatd:0",
                                   "chatd:65536", "chatd:http", "unix:"}) {
    const auto address = ParseChatAddress(target);
    EXPECT_EQ(address.status().code(), absl::StatusCode::kInvalidArgument) << target;
    EXPECT_NE(address.status().message().find("'" + target + "'"), std::string::npos);
  }
  EXPECT_FALSE(ParseChatAddress("unix:/" + std::string(108, 'x')).ok());
}

}  // namespace
}  // namespace chatter::edge
