// What storing messages costs on both engines, by the size of a batch: wall time, and the
// CPU of this process alone (PostgreSQL's server is a process of its own).
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "benchmark/benchmark.h"
#include "glog/logging.h"
#include "storage/open.h"
#include "storage/storage.h"
#include "storage/testing/postgres_server.h"

namespace chatter::storage {
namespace {

constexpr int kPairs = 50;

std::string SqliteUrl() {
  static const std::string& folder = *[] {
    auto* const made = new std::string("/tmp/chatter-append-XXXXXX");
    PCHECK(mkdtemp(made->data()) != nullptr);
    std::atexit([] { std::filesystem::remove_all(folder); });
    return made;
  }();
  static int databases = 0;
  return absl::StrCat("sqlite:", folder, "/", ++databases, ".db");
}

std::string PostgresUrl() {
  static auto* const server = [] {
    static std::unique_ptr<::chatter::testing::PostgresServer> made =
        std::make_unique<::chatter::testing::PostgresServer>();
    return made.get();
  }();
  return server->CreateDatabase();
}

// Messages of 100 bytes, from one half of 50 pairs to the other, in turn.
class Messages {
 public:
  Messages(Storage& storage, size_t count) : messages_(count) {
    std::vector<Account> accounts;
    for (int i = 0; i < 2 * kPairs; ++i) {
      accounts.push_back({absl::StrCat("user", i), "group"});
    }
    auto users = storage.EnsureUsers(accounts);
    CHECK(users.ok()) << users.status();
    users_ = *std::move(users);
    for (size_t i = 0; i < count; ++i) {
      const size_t pair = i % kPairs;
      messages_[i].sender_id = users_[2 * pair].id;
      messages_[i].sender = users_[2 * pair].name;
      messages_[i].recipient = users_[2 * pair + 1].name;
      messages_[i].text = text_;
    }
  }

  // As new ones.
  absl::Span<const NewMessage> Next() {
    for (NewMessage& message : messages_) message.created = created_ += kStep;
    return messages_;
  }

 private:
  static constexpr absl::Duration kStep = absl::Microseconds(1);

  const std::string text_ = std::string(100, 'x');
  std::vector<User> users_;
  std::vector<NewMessage> messages_;
  absl::Time created_ = absl::FromUnixSeconds(1'700'000'000);
};

void Append(benchmark::State& state, const std::string& url) {
  auto storage = Open(url);
  CHECK(storage.ok()) << storage.status();
  Messages messages(**storage, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    const auto appended = (*storage)->Append(messages.Next());
    CHECK(appended.ok()) << appended.status();
  }
  state.counters["per_message"] =
      benchmark::Counter(static_cast<double>(state.iterations() * state.range(0)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void AppendsToSqlite(benchmark::State& state) { Append(state, SqliteUrl()); }
BENCHMARK(AppendsToSqlite)->RangeMultiplier(10)->Range(1, 1000)->UseRealTime();

void AppendsToPostgres(benchmark::State& state) { Append(state, PostgresUrl()); }
BENCHMARK(AppendsToPostgres)->RangeMultiplier(10)->Range(1, 1000)->UseRealTime();

}  // namespace
}  // namespace chatter::storage
