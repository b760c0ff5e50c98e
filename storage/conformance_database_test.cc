#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

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
  EXPECT_THAT(std::string(storage.status().message()), ::testing::HasSubstr("1000"));
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
