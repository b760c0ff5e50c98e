#include "edge/http/request.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

using State = HttpRequestReader::State;

HttpLimits SmallLimits() {
  HttpLimits limits;
  limits.header_bytes = 200;
  limits.body_bytes = 10;
  return limits;
}

TEST(HttpRequestReaderTest, ReadsARequestWithABody) {
  HttpRequestReader reader((HttpLimits()));
  EXPECT_EQ(reader.state(), State::kIdle);
  EXPECT_EQ(reader.Feed("POST /user/?a=1&b=x%20y+z&a=2 HTTP/1.1\r\nHost: h\r\n"
                        "Content-Length: 2\r\n\r\n{}"),
            State::kComplete);
  HttpRequest& request = reader.request();
  EXPECT_EQ(request.method(), "POST");
  EXPECT_EQ(request.path(), "/user");
  EXPECT_EQ(request.body(), "{}");
  EXPECT_EQ(request.Query("a"), "1");
  EXPECT_EQ(request.Query("b"), "x y z");
  EXPECT_EQ(request.Query("c"), std::nullopt);
  EXPECT_TRUE(request.keep_alive());
  EXPECT_EQ(reader.Next(), State::kIdle);
}

TEST(HttpRequestReaderTest, TakesBytesInAnyPieces) {
  const std::string text =
      "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\nPOST /x HTTP/1.1\r\nHost: h\r\n"
      "Content-Length: 3\r\n\r\nabcGET /y HTTP/1.0\r\nHost: h\r\n\r\n";
  for (size_t piece = 1; piece <= text.size(); ++piece) {
    HttpRequestReader reader((HttpLimits()));
    std::vector<std::string> seen;
    for (size_t at = 0; at < text.size(); at += piece) {
      reader.Feed(std::string_view(text).substr(at, piece));
      while (reader.state() == State::kComplete) {
        seen.push_back(reader.request().path() + reader.request().body());
        reader.Next();
      }
      ASSERT_NE(reader.state(), State::kProblem)
          << reader.problem().message << " with pieces of " << piece << " at " << at;
    }
    EXPECT_EQ(seen, (std::vector<std::string>{"/", "/xabc", "/y"})) << piece;
  }
}

TEST(HttpRequestReaderTest, LimitsAreExact) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\nX: ";
  const std::string end = "\r\n\r\n";
  const size_t fill = SmallLimits().header_bytes - start.size() - end.size();
  HttpRequestReader fits(SmallLimits());
  EXPECT_EQ(fits.Feed(start + std::string(fill, 'x') + end), State::kComplete);
  HttpRequestReader too_long(SmallLimits());
  EXPECT_EQ(too_long.Feed(start + std::string(fill + 1, 'x') + end), State::kProblem);
  EXPECT_EQ(too_long.problem().status, 431);

  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ";
  HttpRequestReader body_fits(SmallLimits());
  EXPECT_EQ(body_fits.Feed(post + "10\r\n\r\n0123456789"), State::kComplete);
  HttpRequestReader body_too_long(SmallLimits());
  EXPECT_EQ(body_too_long.Feed(post + "11\r\n\r\n"), State::kProblem);
  EXPECT_EQ(body_too_long.problem().status, 413);
}

TEST(HttpRequestReaderTest, WhatTheParserAloneFindsTooLargeIsSaidToBeSo) {
  const std::string start = "GET / HTTP/1.1\r\nHost: h\r\n";
  HttpRequestReader one_line((HttpLimits()));
  one_line.Feed(start + "X: " + std::string(16'200, 'x') + "\r\n\r\n");
  EXPECT_EQ(one_line.problem().status, 431);
  std::string lines;
  for (int i = 0; i < 3'300; ++i) lines += "X:\r\n";
  HttpRequestReader many_lines((HttpLimits()));
  many_lines.Feed(start + lines + "\r\n");
  EXPECT_EQ(many_lines.problem().status, 431);
}

TEST(HttpRequestReaderTest, KnowsWhetherTheConnectionStays) {
  const auto keep_alive = [](const std::string& version, const std::string& header) {
    HttpRequestReader reader((HttpLimits()));
    EXPECT_EQ(reader.Feed("GET / HTTP/" + version + "\r\nHost: h\r\n" + header + "\r\n"),
              State::kComplete);
    return reader.request().keep_alive();
  };
  EXPECT_TRUE(keep_alive("1.1", ""));
  EXPECT_FALSE(keep_alive("1.1", "Connection: Close\r\n"));
  EXPECT_FALSE(keep_alive("1.1", "Connection: te, close\r\n"));
  EXPECT_FALSE(keep_alive("1.0", ""));
  EXPECT_TRUE(keep_alive("1.0", "Connection: keep-alive\r\n"));
}

TEST(HttpRequestReaderTest, WaitsToBeToldToContinue) {
  HttpRequestReader reader((HttpLimits()));
  reader.Feed(
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
  EXPECT_EQ(reader.state(), State::kPartial);
  EXPECT_TRUE(reader.TakeExpectsContinue());
  EXPECT_FALSE(reader.TakeExpectsContinue());
  EXPECT_EQ(reader.Feed("x"), State::kComplete);
}

TEST(PercentDecodeTest, DecodesAndRefuses) {
  EXPECT_EQ(PercentDecode("a%2Fb%e4+c", true), "a/b\xe4 c");
  EXPECT_EQ(PercentDecode("a+b", false), "a+b");
  for (const char* const broken : {"%", "%2", "%zz", "a%00"}) {
    EXPECT_EQ(PercentDecode(broken, true), std::nullopt) << broken;
  }
}

}  // namespace
}  // namespace chatter::edge
