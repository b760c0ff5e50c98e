#include "tools/loadgen/http_response.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::loadgen {
namespace {

constexpr char kAnswer[] =
    "HTTP/1.1 201 Created\r\nX-Content-Length: 7\r\ncontent-LENGTH:  3 \r\n"
    "Vary: Origin\r\n\r\nabc";

TEST(HttpResponseTest, ReadsStatusHeadersAndBody) {
  const std::string bytes = std::string(kAnswer) + "HTTP/1.1 200 OK";
  const auto response = ParseHttpResponse(bytes);
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "abc");
  EXPECT_EQ(response->size(), sizeof(kAnswer) - 1);
  EXPECT_EQ(HeaderOf(*response, "vary"), "Origin");
  EXPECT_EQ(HeaderOf(*response, "origin"), "");
}

TEST(HttpResponseTest, WaitsForAllOfIt) {
  const std::string_view bytes = kAnswer;
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_TRUE(absl::IsOutOfRange(ParseHttpResponse(bytes.substr(0, size)).status()));
  }
}

TEST(HttpResponseTest, AnUpgradeHasNoBody) {
  const auto response = ParseHttpResponse(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81");
  ASSERT_TRUE(response.ok()) << response.status();
  EXPECT_EQ(response->status, 101);
  EXPECT_EQ(response->body, "");
}

TEST(HttpResponseTest, RefusesWhatItCannotMeasure) {
  for (const std::string_view bytes :
       {"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    EXPECT_TRUE(absl::IsDataLoss(ParseHttpResponse(bytes).status())) << bytes;
  }
}

}  // namespace
}  // namespace chatter::loadgen
