#include "storage/open.h"

#include <sqlite3.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Names and contents.
std::map<std::string, std::string> FilesIn(const std::string& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    std::ifstream file(entry.path());
    files[entry.path().filename()] = {std::istreambuf_iterator<char>(file),
                                      std::istreambuf_iterator<char>()};
  }
  return files;
}

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

TEST(OpenTest, ACheckLeavesTheFilesAsTheyAre) {
  const std::string folder = ::testing::TempDir() + "/checked";
  std::filesystem::create_directory(folder);
  const std::string foreign = folder + "/foreign.db";
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(foreign.c_str(), &db), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(db, "CREATE TABLE t (x)", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(db);
  // A name that would not be one within a URL.
  const std::string ours = "sqlite:" + folder + "/ours?%41#.db";
  ASSERT_TRUE(Open(ours).ok());
  const auto before = FilesIn(folder);
  ASSERT_EQ(before.size(), 2u);

  EXPECT_TRUE(Check("sqlite:" + foreign).ok());
  const auto checked = Check(ours);
  ASSERT_TRUE(checked.ok()) << checked.status();
  EXPECT_THAT(*checked, Not(HasSubstr("schema version 0")));
  EXPECT_TRUE(FilesIn(folder) == before);
}

}  // namespace
}  // namespace chatter::storage
