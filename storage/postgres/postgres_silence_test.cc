// PostgreSQL that neither answers nor goes away.
#include <algorithm>
#include <atomic>
#include <memory>
#include <pqxx/pqxx>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/postgres/faults_fixture.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/storage.h"
#include "storage/testing/postgres_proxy.h"

namespace chatter::storage::postgres {
namespace {

using ::chatter::testing::PostgresProxy;
using ::testing::HasSubstr;

class PostgresSilenceTest : public FaultsFixture {
 protected:
  // What the call returns, which must not take long.
  absl::Status InTime(absl::FunctionRef<absl::Status()> call) {
    absl::Status status;
    absl::Notification returned;
    std::thread thread([&] {
      status = call();
      returned.Notify();
    });
    if (!returned.WaitForNotificationWithTimeout(absl::Seconds(15))) {
      server_.Thaw();
      LOG(FATAL) << "the call does not return";
    }
    thread.join();
    return status;
  }
};

TEST_F(PostgresSilenceTest, GivesUpAServerThatIsStopped) {
  const std::unique_ptr<Storage> storage = OpenImpatiently(server_.CreateDatabase());
  AddAliceAndBob(*storage);
  server_.Freeze();
  // It may store what it was sent when it goes on.
  const absl::Status lost = InTime(
      [&] { return storage->Append(std::vector<NewMessage>{FromAlice("1")}).status(); });
  EXPECT_TRUE(absl::IsUnknown(lost)) << lost;
  EXPECT_THAT(std::string(lost.message()), HasSubstr("no answer within"));
  // That connection was the only one.
  EXPECT_TRUE(absl::IsUnavailable(InTime([&] { return storage->Ping(); })));
  EXPECT_TRUE(absl::IsUnavailable(InTime([&] {
    return storage->CreateUser({"carol", "g"}).status();
  })));
  server_.Thaw();
  EXPECT_TRUE(storage->CreateUser({"carol", "g"}).ok());
}

TEST_F(PostgresSilenceTest, LosesNothingAcknowledgedWhenTheServerIsStopped) {
  const std::string url = server_.CreateDatabase();
  const std::unique_ptr<Storage> storage = OpenImpatiently(url);
  AddAliceAndBob(*storage);
  std::atomic<bool> stop{false};
  std::vector<std::string> acknowledged, doubtful;
  std::atomic<size_t> acknowledged_count{0}, doubtful_count{0};
  std::thread sender([&] {
    for (int i = 0; !stop; ++i) {
      const std::string text = absl::StrCat(i);
      const absl::Status status = InTime([&] {
        return storage->Append(std::vector<NewMessage>{FromAlice(text)}).status();
      });
      if (status.ok()) acknowledged.push_back(text);
      if (absl::IsUnknown(status)) doubtful.push_back(text);
      acknowledged_count = acknowledged.size();
      doubtful_count = doubtful.size();
    }
  });
  for (int round = 0; round < 2; ++round) {
    const size_t before = acknowledged_count, doubtful_before = doubtful_count;
    while (acknowledged_count < before + 100) absl::SleepFor(absl::Milliseconds(1));
    server_.Freeze();
    while (doubtful_count == doubtful_before) absl::SleepFor(absl::Milliseconds(1));
    server_.Thaw();
  }
  stop = true;
  sender.join();
  pqxx::connection other(url);
  EXPECT_TRUE(pqxx::nontransaction(other)
                  .exec("SELECT count(*) = max(seq) FROM chatter.messages")[0][0]
                  .as<bool>());
  std::vector<std::string> texts = Texts(*storage);
  // Each of these was stored once, or not.
  for (const std::string& text : doubtful) {
    const auto found = std::find(texts.begin(), texts.end(), text);
    if (found != texts.end()) texts.erase(found);
  }
  EXPECT_EQ(texts, acknowledged);
}

TEST_F(PostgresSilenceTest, GivesUpAServerThatIsStoppedAtTheStart) {
  const std::string url = server_.CreateDatabase();
  server_.Freeze();
  EXPECT_TRUE(absl::IsUnavailable(
      InTime([&] { return Open(url + kImpatient, kShortPatience).status(); })));
  server_.Thaw();
  EXPECT_TRUE(OpenImpatiently(url)->Ping().ok());
}

TEST_F(PostgresSilenceTest, GivesUpAServerThatFallsSilentAfterTheHandshake) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  proxy.Add(PostgresProxy::Fault::kSilence, "SET client_encoding");
  EXPECT_TRUE(absl::IsUnavailable(
      InTime([&] { return Open(proxy.UrlOf(url), kShortPatience).status(); })));
  EXPECT_TRUE(proxy.is_done());
  EXPECT_TRUE(OpenImpatiently(proxy.UrlOf(url))->Ping().ok());
}

TEST_F(PostgresSilenceTest, GivesUpAServerThatFallsSilentWhenALostCommitIsLookedUp) {
  const std::string url = server_.CreateDatabase();
  PostgresProxy proxy(server_);
  const std::unique_ptr<Storage> storage = OpenImpatiently(proxy.UrlOf(url));
  AddAliceAndBob(*storage);
  ASSERT_TRUE(storage->Append(std::vector<NewMessage>{FromAlice("1")}).ok());
  const std::vector<NewMessage> sent = {FromAlice("marked", "a")};
  proxy.Add(PostgresProxy::Fault::kAfter, "marked");
  proxy.Add(PostgresProxy::Fault::kSilence, "pg_terminate_backend");
  EXPECT_TRUE(absl::IsUnknown(InTime([&] { return storage->Append(sent).status(); })));
  EXPECT_TRUE(proxy.is_done());
  const auto appended = storage->Append(sent);
  ASSERT_TRUE(appended.ok()) << appended.status();
  EXPECT_TRUE((*appended)[0].duplicate);
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "marked"));
}

TEST_F(PostgresSilenceTest, LeavesItToAServerThatIsBusyToGiveUpAStatement) {
  const std::string url = server_.CreateDatabase();
  const std::unique_ptr<Storage> storage = OpenImpatiently(url);
  AddAliceAndBob(*storage);
  ASSERT_TRUE(storage->Append(std::vector<NewMessage>{FromAlice("1")}).ok());
  pqxx::connection other(url);
  pqxx::work holder(other);
  holder.exec("LOCK TABLE chatter.messages IN SHARE MODE");
  EXPECT_TRUE(absl::IsUnavailable(InTime([&] {
    return storage->Append(std::vector<NewMessage>{FromAlice("2")}).status();
  })));
  holder.abort();
  ASSERT_TRUE(storage->Append(std::vector<NewMessage>{FromAlice("3")}).ok());
  EXPECT_THAT(Texts(*storage), ::testing::ElementsAre("1", "3"));
}

}  // namespace
}  // namespace chatter::storage::postgres
