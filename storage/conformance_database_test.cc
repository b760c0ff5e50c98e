#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

TEST_P(ConformanceTest, EpochIsMadeOnceForEachDatabase) {
  const std::string epoch = storage_->epoch();
  EXPECT_THAT(epoch, MatchesRegex("[0-9a-f]{32}"));
  Reopen();
  EXPECT_EQ(storage_->epoch(), epoch);
  url_ = engine().NewDatabase();
  Reopen();
  EXPECT_NE(storage_->epoch(), epoch);
}

TEST_P(ConformanceTest, SeveralMayOpenANewDatabaseAtOnce) {
  const std::string url = engine().NewDatabase();
  std::vector<std::string> epochs(4);
  std::vector<std::thread> threads;
  for (std::string& epoch : epochs) {
    threads.emplace_back([&url, &epoch] {
      const auto storage = Open(url);
      EXPECT_TRUE(storage.ok()) << storage.status();
      if (storage.ok()) epoch = (*storage)->epoch();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(epochs, ::testing::Each(epochs[0]));
  EXPECT_THAT(epochs[0], SizeIs(32));
}

TEST_P(ConformanceTest, RefusesASchemaOfALaterProgram) {
  storage_.reset();
  engine().RaiseSchemaVersion(url_);
  const auto storage = Open(url_);
  EXPECT_TRUE(absl::IsFailedPrecondition(storage.status())) << storage.status();
  EXPECT_THAT(std::string(storage.status().message()), HasSubstr("1000"));
}

TEST_P(ConformanceTest, ACheckSaysWhatIsThereAndMakesNothing) {
  const std::string url = engine().NewDatabase();
  for (int i = 0; i < 2; ++i) {
    const auto fresh = Check(url);
    ASSERT_TRUE(fresh.ok()) << fresh.status();
    EXPECT_THAT(*fresh, HasSubstr("at the first start"));
  }
  const auto used = Check(url_);
  ASSERT_TRUE(used.ok()) << used.status();
  EXPECT_THAT(*used, HasSubstr("schema version"));
  storage_.reset();
  engine().RaiseSchemaVersion(url_);
  EXPECT_TRUE(absl::IsFailedPrecondition(Check(url_).status()));
}

TEST_P(ConformanceTest, PingsAndTakesCallsOfNothing) {
  EXPECT_TRUE(storage_->Ping().ok());
  EXPECT_THAT(*storage_->EnsureUsers({}), IsEmpty());
  EXPECT_THAT(*storage_->FindUsers({}), IsEmpty());
  EXPECT_TRUE(storage_->PutTokens({}).ok());
  EXPECT_THAT(*storage_->RedeemTokens({}, kStart), IsEmpty());
  EXPECT_THAT(*storage_->Append({}), IsEmpty());
  EXPECT_TRUE(storage_->RemoveNotifications({}).ok());
  EXPECT_TRUE(storage_->RetryNotifications({}).ok());
}

}  // namespace
}  // namespace chatter::storage
