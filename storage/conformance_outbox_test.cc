#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/testing/conformance.h"

namespace chatter::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_P(ConformanceTest, ClaimsWhatIsDueOldestFirst) {
  AddAliceAndBob();
  std::vector<NewMessage> messages = {FromAlice("later"), FromBob("now"),
                                      FromAlice("none"), FromAlice("soon")};
  messages[0].notify_due = kStart + absl::Seconds(10);
  messages[1].notify_due = kStart;
  messages[3].notify_due = kStart + absl::Seconds(1);
  const std::vector<Appended> appended = Append(messages);

  const auto claim = [&](absl::Duration after, int limit) {
    const auto claimed =
        storage_->ClaimNotifications(kStart + after, absl::Minutes(1), limit);
    EXPECT_TRUE(claimed.ok()) << claimed.status();
    return *claimed;
  };
  EXPECT_THAT(claim(-absl::Microseconds(1), 10), IsEmpty());
  std::vector<Notification> claimed = claim(absl::Seconds(1), 10);
  ASSERT_THAT(claimed, SizeIs(2));
  EXPECT_EQ(claimed[0].text, "now");
  EXPECT_EQ(claimed[0].sender, "bob");
  EXPECT_EQ(claimed[0].key.recipient, "alice");
  EXPECT_EQ(claimed[0].key.conversation, appended[1].conversation);
  EXPECT_EQ(claimed[0].key.seq, appended[1].seq);
  EXPECT_EQ(claimed[0].created, messages[1].created);
  EXPECT_EQ(claimed[0].attempts, 0);
  EXPECT_EQ(claimed[1].text, "soon");
  // Not again while the lease lasts.
  EXPECT_THAT(claim(absl::Seconds(30), 1),
              ElementsAre(::testing::Field(&Notification::text, "later")));
  EXPECT_THAT(claim(absl::Seconds(60), 10), IsEmpty());
  EXPECT_THAT(claim(absl::Seconds(61), 10), SizeIs(2));
}

TEST_P(ConformanceTest, NotifiesOfMessagesThatComeAlone) {
  AddAliceAndBob();
  Append({FromAlice("plain")});
  NewMessage named = FromAlice("named");
  named.client_id = "a";
  Append({named});
  NewMessage notified = FromAlice("notified");
  notified.notify_due = absl::UnixEpoch();
  Append({notified});
  NewMessage both = FromAlice("both");
  both.client_id = "b";
  both.notify_due = kStart;
  EXPECT_EQ(Append({both})[0].seq, 4);
  EXPECT_TRUE(Append({both})[0].duplicate);
  EXPECT_THAT(*storage_->ClaimNotifications(kStart, absl::Minutes(1), 10),
              ElementsAre(::testing::Field(&Notification::text, "notified"),
                          ::testing::Field(&Notification::text, "both")));
}

TEST_P(ConformanceTest, RemovesAndRetriesNotifications) {
  AddAliceAndBob();
  std::vector<NewMessage> messages = {FromAlice("1"), FromAlice("2"), FromAlice("3")};
  for (NewMessage& message : messages) message.notify_due = kStart;
  Append(messages);
  auto claimed = *storage_->ClaimNotifications(kStart, absl::Minutes(1), 10);
  ASSERT_THAT(claimed, SizeIs(3));
  const NotificationKey unknown{claimed[0].key.conversation, 99, "bob"};
  EXPECT_TRUE(
      storage_->RemoveNotifications(std::vector<NotificationKey>{claimed[0].key, unknown})
          .ok());
  EXPECT_TRUE(
      storage_
          ->RetryNotifications(std::vector<NotificationRetry>{
              {claimed[1].key, 3, kStart + absl::Seconds(5)}, {unknown, 1, kStart}})
          .ok());
  Reopen();
  claimed =
      *storage_->ClaimNotifications(kStart + absl::Seconds(5), absl::Minutes(1), 10);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].text, "2");
  EXPECT_EQ(claimed[0].attempts, 3);
  claimed = *storage_->ClaimNotifications(kStart + absl::Hours(1), absl::Minutes(1), 10);
  EXPECT_THAT(claimed, SizeIs(2));
}

TEST_P(ConformanceTest, TheOutboxCanBeLookedAt) {
  const auto inspect = [&](int64_t limit) {
    const auto state = storage_->InspectOutbox(limit);
    EXPECT_TRUE(state.ok()) << state.status();
    return *state;
  };
  AddAliceAndBob();
  EXPECT_EQ(inspect(10).waiting, 0);
  EXPECT_EQ(inspect(10).oldest_due, std::nullopt);

  std::vector<NewMessage> messages = {FromAlice("1"), FromBob("2"), FromAlice("none"),
                                      FromAlice("3")};
  messages[0].notify_due = kStart + absl::Seconds(7);
  messages[1].notify_due = kStart + absl::Seconds(5);
  messages[3].notify_due = kStart + absl::Seconds(9);
  Append(messages);
  EXPECT_EQ(inspect(10).waiting, 3);
  EXPECT_EQ(inspect(2).waiting, 2);
  EXPECT_EQ(inspect(2).oldest_due, kStart + absl::Seconds(5));

  const auto claimed =
      *storage_->ClaimNotifications(kStart + absl::Seconds(5), absl::Minutes(1), 10);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(inspect(10).waiting, 3);
  EXPECT_EQ(inspect(10).oldest_due, kStart + absl::Seconds(7));
  EXPECT_TRUE(
      storage_->RemoveNotifications(std::vector<NotificationKey>{claimed[0].key}).ok());
  EXPECT_EQ(inspect(10).waiting, 2);
}

TEST_P(ConformanceTest, TwoProcessesNeverClaimTheSameNotification) {
  AddAliceAndBob();
  constexpr int kMessages = 200;
  std::vector<NewMessage> messages;
  for (int i = 0; i < kMessages; ++i) {
    messages.push_back(FromAlice("x"));
    messages.back().notify_due = kStart;
  }
  Append(messages);
  auto other = Open(url_);
  ASSERT_TRUE(other.ok()) << other.status();
  std::vector<std::vector<int64_t>> seqs(2);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      Storage& storage = t == 0 ? *storage_ : **other;
      while (true) {
        const auto claimed = storage.ClaimNotifications(kStart, absl::Minutes(1), 7);
        ASSERT_TRUE(claimed.ok()) << claimed.status();
        // The other one may hold all that is left.
        if (claimed->empty()) return;
        for (const Notification& each : *claimed) seqs[t].push_back(each.key.seq);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<int64_t> all(seqs[0].begin(), seqs[0].end());
  all.insert(seqs[1].begin(), seqs[1].end());
  EXPECT_THAT(all, SizeIs(kMessages));
  EXPECT_EQ(seqs[0].size() + seqs[1].size(), size_t{kMessages});
}

}  // namespace
}  // namespace chatter::storage
