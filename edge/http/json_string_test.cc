#include "edge/http/json_string.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::edge {
namespace {

TEST(JsonStringTest, CountsPlainBytesUpToTheFirstThatIsNot) {
  for (size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'x');
    EXPECT_EQ(CountPlainJson(plain), size);
    for (const char special : {'"', '\\', '\n', '\0', '\x1F'}) {
      EXPECT_EQ(CountPlainJson(plain + special + "\"tail, longer than a word"), size);
    }
    EXPECT_EQ(CountPlainJson(plain + " !#[]\x7F\xC3\xA9\xFF"), size + 9);
  }
}

TEST(JsonStringTest, EscapesWhatMustBeEscaped) {
  std::string out = "x";
  AppendJsonString("", out);
  AppendJsonString("plain \xC3\xA9", out);
  AppendJsonString("\"\\\n\r\t\x01\x1F\x7F/", out);
  EXPECT_EQ(out, "x\"\"\"plain \xC3\xA9\"\"\\\"\\\\\\n\\r\\t\\u0001\\u001f\x7F/\"");
}

}  // namespace
}  // namespace chatter::edge
