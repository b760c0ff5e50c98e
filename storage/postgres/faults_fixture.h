#ifndef CHATTER_STORAGE_POSTGRES_FAULTS_FIXTURE_H_
#define CHATTER_STORAGE_POSTGRES_FAULTS_FIXTURE_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "glog/logging.h"
#include "gtest/gtest.h"
#include "storage/open.h"
#include "storage/postgres/postgres_storage.h"
#include "storage/storage.h"
#include "storage/testing/postgres_server.h"

namespace chatter::storage::postgres {

inline const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

inline constexpr absl::Duration kShortPatience = absl::Seconds(1);
inline constexpr char kImpatient[] = "&connect_timeout=2";  // libpq's shortest

class FaultsFixture : public ::testing::Test {
 protected:
  static std::unique_ptr<Storage> OpenOrDie(const std::string& url) {
    auto storage = chatter::storage::Open(url);
    CHECK(storage.ok()) << storage.status();
    return *std::move(storage);
  }

  static std::unique_ptr<Storage> OpenImpatiently(const std::string& url) {
    auto storage = Open(url + kImpatient, kShortPatience);
    CHECK(storage.ok()) << storage.status();
    return *std::move(storage);
  }

  void AddAliceAndBob(Storage& storage) {
    alice_ = storage.CreateUser({"alice", "g"})->id;
    CHECK(storage.CreateUser({"bob", "g"}).ok());
  }

  NewMessage FromAlice(std::string_view text, std::string_view client_id = "") {
    NewMessage message;
    message.sender_id = alice_;
    message.sender = "alice";
    message.recipient = "bob";
    message.text = text;
    message.client_id = client_id;
    message.created = kStart + absl::Microseconds(++created_);
    return message;
  }

  static std::vector<std::string> Texts(Storage& storage) {
    HistoryQuery query;
    query.user = "alice";
    query.with = "bob";
    query.limit = 100'000;
    const auto history = storage.ReadHistory(query);
    EXPECT_TRUE(history.ok()) << history.status();
    std::vector<std::string> texts;
    for (const Message& message : *history) texts.push_back(message.text);
    return texts;
  }

  testing::PostgresServer server_;
  int64_t alice_ = 0;
  std::atomic<int64_t> created_{0};
};

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_FAULTS_FIXTURE_H_
