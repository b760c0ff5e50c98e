#include "services/base/log.h"

#include <ctime>
#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"

namespace chatter {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

class LogLineTest : public ::testing::Test {
 protected:
  LogEvent Event(std::string_view message) const {
    return {google::GLOG_WARNING, "outbox.cc", 42, time_, message};
  }

  const google::LogMessageTime time_{std::time_t{1'700'000'000}, 1'700'000'000.25};
};

TEST_F(LogLineTest, TextIsOneLineWithTheRequest) {
  EXPECT_THAT(TextLogLine(Event("notif failed"), ""),
              MatchesRegex("W[0-9]{8} .* outbox.cc:42] notif failed\n"));
  EXPECT_THAT(TextLogLine(Event("two\nlines\r"), "r-1"),
              EndsWith("outbox.cc:42] [r-1] two\\nlines\\r\n"));
}

TEST_F(LogLineTest, JsonIsOneObjectALine) {
  EXPECT_EQ(JsonLogLine(Event("said \"no\"\n"), "chatd", "r-1"),
            "{\"time\":\"2023-11-14T22:13:20.250000Z\",\"level\":\"warning\","
            "\"program\":\"chatd\",\"where\":\"outbox.cc:42\",\"request\":\"r-1\","
            "\"message\":\"said \\\"no\\\"\\n\"}\n");
  EXPECT_THAT(JsonLogLine(Event("x"), "chatd", ""), Not(HasSubstr("request")));
}

TEST_F(LogLineTest, JsonIsUtf8WhateverIsLogged) {
  const std::string line = JsonLogLine(Event("caf\xc3\xa9 \xff"), "chatd", "");
  rapidjson::Document json;
  json.Parse<rapidjson::kParseValidateEncodingFlag>(line.c_str());
  ASSERT_FALSE(json.HasParseError());
  EXPECT_STREQ(json["message"].GetString(), "caf?? ?");
  EXPECT_THAT(JsonLogLine(Event("caf\xc3\xa9"), "chatd", ""), HasSubstr("caf\xc3\xa9"));
}

TEST(RequestIdTest, IsShortAndPlain) {
  for (const char* const id : {"a", "7f3A-b.c_d", "0123456789abcdef"}) {
    EXPECT_TRUE(IsRequestId(id)) << id;
  }
  for (const std::string& id :
       {std::string(), std::string(65, 'a'), std::string("a b"), std::string("a\n")}) {
    EXPECT_FALSE(IsRequestId(id)) << id;
  }
}

TEST(RequestScopeTest, IsOfItsThreadAndNests) {
  EXPECT_EQ(RequestScope::current(), "");
  const RequestScope outer("a");
  {
    const RequestScope inner("b");
    EXPECT_EQ(RequestScope::current(), "b");
    std::thread([] { EXPECT_EQ(RequestScope::current(), ""); }).join();
  }
  EXPECT_EQ(RequestScope::current(), "a");
}

}  // namespace
}  // namespace chatter
