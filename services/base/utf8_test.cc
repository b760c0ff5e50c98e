#include "services/base/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter {
namespace {

TEST(CountCharactersTest, CountsScalarValues) {
  EXPECT_EQ(CountCharacters(""), 0u);
  EXPECT_EQ(CountCharacters("abc"), 3u);
  EXPECT_EQ(CountCharacters("zażółć"), 6u);
  EXPECT_EQ(CountCharacters("😀"), 1u);
  EXPECT_EQ(CountCharacters(std::string("a\0b", 3)), 3u);
}

TEST(CountCharactersTest, RefusesWhatIsNotUtf8) {
  for (const char* bad :
       {"\x80", "\xC3", "\xC3(", "\xE2\x82", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF", "ok\xFE"}) {
    EXPECT_EQ(CountCharacters(bad), std::nullopt) << bad;
  }
}

TEST(HasControlCharacterTest, FindsC0DeleteAndC1) {
  EXPECT_FALSE(HasControlCharacter("Zoë O'Neil ☃"));
  for (const char* bad : {"\n", "a\tb", "\x7F", "\xC2\x80", "x\xC2\x9F"}) {
    EXPECT_TRUE(HasControlCharacter(bad)) << bad;
  }
  EXPECT_TRUE(HasControlCharacter(std::string(1, '\0')));
  EXPECT_FALSE(HasControlCharacter("\xC2\xA0"));
}

}  // namespace
}  // namespace chatter
