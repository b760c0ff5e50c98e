#include "storage/open.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(OpenTest, RefusesOtherUrls) {
  for (const char* const url : {"", "chatter.db", "sqlite:", "mysql://host/db",
                                "postgres:", "postgres://user:secret%zz@host/db"}) {
    const auto storage = Open(url);
    EXPECT_TRUE(absl::IsInvalidArgument(storage.status())) << url << storage.status();
    EXPECT_THAT(std::string(storage.status().message()), Not(HasSubstr("secret")));
    EXPECT_EQ(Check(url).status(), storage.status());
  }
}

TEST(OpenTest, SaysThatAFileCannotBeOpened) {
  EXPECT_TRUE(absl::IsUnavailable(Open("sqlite:/nowhere/at/all.db").status()));
  EXPECT_TRUE(absl::IsUnavailable(Check("sqlite:/nowhere/at/all.db").status()));
}

}  // namespace
}  // namespace chatter::storage
