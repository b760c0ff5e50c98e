// What storing messages costs on both engines, by the size of a batch: time, this
// process's CPU, and that of PostgreSQL's server. The counters are microseconds for a
// message.
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
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

constexpr size_t kLargestBatch = 1000;
constexpr int kEarlierBatches = 100;

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

::chatter::testing::PostgresServer& PostgresServer() {
  static std::unique_ptr<::chatter::testing::PostgresServer> server =
      std::make_unique<::chatter::testing::PostgresServer>();
  return *server;
}

absl::Duration OwnCpu() {
  rusage usage;
  PCHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return absl::DurationFromTimeval(usage.ru_utime) +
         absl::DurationFromTimeval(usage.ru_stime);
}

// Of a process that has one thread.
absl::Duration CpuOf(pid_t pid) {
  int64_t nanoseconds = 0;
  std::ifstream(absl::StrCat("/proc/", pid, "/schedstat")) >> nanoseconds;
  return absl::Nanoseconds(nanoseconds);
}

// Of a process's children that have ended.
absl::Duration CpuOfEndedChildren(pid_t pid) {
  std::ifstream stat(absl::StrCat("/proc/", pid, "/stat"));
  std::string field;
  for (int i = 1; i < 16; ++i) stat >> field;
  int64_t user = 0, system = 0;
  stat >> user >> system;
  return absl::Seconds(static_cast<double>(user + system) /
                       static_cast<double>(sysconf(_SC_CLK_TCK)));
}

absl::Duration PostgresCpu() {
  const pid_t pid = PostgresServer().pid();
  absl::Duration sum = CpuOf(pid) + CpuOfEndedChildren(pid);
  std::ifstream children(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  for (pid_t child; children >> child;) sum += CpuOf(child);
  return sum;
}

absl::Duration NoCpu() { return absl::ZeroDuration(); }

// Batches of messages of 100 bytes in `pairs` conversations, which take turns.
class Messages {
 public:
  // `full`: each has a client id, and a notification is due.
  Messages(Storage& storage, size_t pairs, bool full)
      : accounts_(2 * pairs), full_(full) {
    for (size_t i = 0; i < accounts_.size(); ++i) {
      accounts_[i] = {absl::StrCat("user", i), "group"};
    }
    const auto users = storage.EnsureUsers(accounts_);
    CHECK(users.ok()) << users.status();
    for (const User& user : *users) ids_.push_back(user.id);
  }

  absl::Span<const NewMessage> Next(size_t count) {
    messages_.resize(count);
    client_ids_.resize(count);
    for (size_t i = 0; i < count; ++i) {
      NewMessage& message = messages_[i];
      // One far from the other.
      pair_ = (pair_ + kStride) % (ids_.size() / 2);
      message.sender_id = ids_[2 * pair_];
      message.sender = accounts_[2 * pair_].name;
      message.recipient = accounts_[2 * pair_ + 1].name;
      message.text = text_;
      message.created = created_ += absl::Microseconds(1);
      if (full_) {
        client_ids_[i] = absl::StrCat("client-id-", absl::ToUnixMicros(created_));
        message.client_id = client_ids_[i];
        message.notify_due = created_ + absl::Minutes(1);
      }
    }
    return messages_;
  }

 private:
  static constexpr size_t kStride = 7919;  // a prime

  std::vector<Account> accounts_;
  std::vector<int64_t> ids_;
  const bool full_;
  const std::string text_ = std::string(100, 'x');
  std::vector<NewMessage> messages_;
  std::vector<std::string> client_ids_;
  size_t pair_ = 0;
  absl::Time created_ = absl::FromUnixSeconds(1'700'000'000);
};

void Append(benchmark::State& state, const std::string& url,
            absl::Duration (*server_cpu)()) {
  const auto batch = static_cast<size_t>(state.range(0));
  const auto pairs = static_cast<size_t>(state.range(1));
  auto storage = Open(url);
  CHECK(storage.ok()) << storage.status();
  Messages messages(**storage, pairs, state.range(2) != 0);
  const auto append = [&](size_t count) {
    const auto appended = (*storage)->Append(messages.Next(count));
    CHECK(appended.ok()) << appended.status();
  };
  // A database that has been in use for a while: its log is written over and over.
  for (int i = 0; i < kEarlierBatches; ++i) append(kLargestBatch);
  const absl::Duration own_before = OwnCpu(), server_before = server_cpu();
  for (auto _ : state) append(batch);
  const auto per_message = [&](absl::Duration sum) {
    return absl::ToDoubleMicroseconds(sum) /
           static_cast<double>(state.iterations() * state.range(0));
  };
  const absl::Duration own = OwnCpu() - own_before;
  const absl::Duration server = server_cpu() - server_before;
  state.counters["own_cpu"] = per_message(own);
  state.counters["server_cpu"] = per_message(server);
  state.counters["cpu"] = per_message(own + server);
}

void Sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"batch", "pairs", "full"})->UseRealTime();
  for (const int batch : {1, 10, 100, static_cast<int>(kLargestBatch)}) {
    benchmark->Args({batch, 50, 0});
  }
  benchmark->Args({100, 1000, 0});
  benchmark->Args({1, 50, 1});
  benchmark->Args({100, 50, 1});
}

void AppendsToSqlite(benchmark::State& state) { Append(state, SqliteUrl(), &NoCpu); }
BENCHMARK(AppendsToSqlite)->Apply(&Sizes);

void AppendsToPostgres(benchmark::State& state) {
  Append(state, PostgresServer().CreateDatabase(), &PostgresCpu);
}
BENCHMARK(AppendsToPostgres)->Apply(&Sizes);

}  // namespace
}  // namespace chatter::storage
