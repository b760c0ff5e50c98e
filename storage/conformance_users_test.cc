#include <map>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(ConformanceTest, ANameIsTakenOnce) {
  const auto user = storage_->CreateUser({"alice", "red"});
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->name, "alice");
  EXPECT_EQ(user->group, "red");
  EXPECT_TRUE(absl::IsAlreadyExists(storage_->CreateUser({"alice", "blue"}).status()));
  const auto found = storage_->FindUsers(std::vector<std::string>{"alice"});
  ASSERT_TRUE(found.ok() && (*found)[0].has_value());
  EXPECT_EQ((*found)[0]->id, user->id);
  EXPECT_EQ((*found)[0]->group, "red");
}

TEST_P(ConformanceTest, NamesAreComparedByteByByte) {
  const std::vector<std::string> names = {"a", "A", "a ", "ä", "a\u0308", "\"{a},\\"};
  std::set<int64_t> ids;
  for (const std::string& name : names) ids.insert(AddUser(name));
  EXPECT_THAT(ids, SizeIs(names.size()));
  const auto found = storage_->FindUsers(names);
  ASSERT_TRUE(found.ok()) << found.status();
  for (size_t i = 0; i < names.size(); ++i) EXPECT_EQ((*found)[i]->name, names[i]);
}

TEST_P(ConformanceTest, FindsUsersInTheOrderAsked) {
  AddAliceAndBob();
  const auto found =
      storage_->FindUsers(std::vector<std::string>{"bob", "nobody", "", "alice", "bob"});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_THAT(*found, SizeIs(5));
  EXPECT_EQ((*found)[0]->id, bob_);
  EXPECT_FALSE((*found)[1].has_value());
  EXPECT_FALSE((*found)[2].has_value());
  EXPECT_EQ((*found)[3]->id, alice_);
  EXPECT_EQ((*found)[4]->id, bob_);
}

TEST_P(ConformanceTest, EnsuresUsersAndTheirGroups) {
  const int64_t alice = AddUser("alice", "red");
  const auto ensured = storage_->EnsureUsers(
      std::vector<Account>{{"carol", "red"}, {"alice", "blue"}, {"bob", ""}});
  ASSERT_TRUE(ensured.ok()) << ensured.status();
  ASSERT_THAT(*ensured, SizeIs(3));
  EXPECT_EQ((*ensured)[0].name, "carol");
  EXPECT_EQ((*ensured)[1].id, alice);
  EXPECT_EQ((*ensured)[1].group, "blue");
  EXPECT_EQ((*ensured)[2].group, "");
  const auto again =
      storage_->EnsureUsers(std::vector<Account>{{"carol", "red"}, {"carol", "green"}});
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ((*again)[0].id, (*ensured)[0].id);
  EXPECT_EQ((*again)[1].id, (*ensured)[0].id);
  const auto found = storage_->FindUsers(std::vector<std::string>{"carol", "alice"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ((*found)[0]->group, "green");
  EXPECT_EQ((*found)[1]->group, "blue");
}

TEST_P(ConformanceTest, EnsuresTheSameUsersFromManyThreads) {
  std::vector<std::thread> threads;
  std::vector<std::vector<int64_t>> ids(4);
  for (size_t t = 0; t < ids.size(); ++t) {
    threads.emplace_back([this, t, &ids] {
      for (int i = 0; i < 20; ++i) {
        std::vector<Account> accounts;
        for (int k = 0; k < 10; ++k) {
          accounts.push_back({absl::StrCat("u", i, "_", (k * 7 + t) % 10), "g"});
        }
        const auto users = storage_->EnsureUsers(accounts);
        ASSERT_TRUE(users.ok()) << users.status();
        std::map<std::string, int64_t> sorted;
        for (const User& user : *users) sorted[user.name] = user.id;
        for (const auto& [name, id] : sorted) ids[t].push_back(id);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(ids, ::testing::Each(ids[0]));
}

TEST_P(ConformanceTest, ListsAGroupByNameInPages) {
  for (const char* const name : {"b", "Z", "a", "ä", "_"}) AddUser(name, "red");
  AddUser("c", "blue");
  const auto names = [&](std::string_view after, int limit) {
    std::vector<std::string> out;
    const auto users = storage_->ListGroup("red", after, limit);
    EXPECT_TRUE(users.ok()) << users.status();
    for (const User& user : *users) {
      EXPECT_EQ(user.group, "red");
      out.push_back(user.name);
    }
    return out;
  };
  EXPECT_THAT(names("", 10), ElementsAre("Z", "_", "a", "b", "ä"));
  EXPECT_THAT(names("", 2), ElementsAre("Z", "_"));
  EXPECT_THAT(names("_", 2), ElementsAre("a", "b"));
  EXPECT_THAT(names("ä", 2), IsEmpty());
}

}  // namespace
}  // namespace chatter::storage
