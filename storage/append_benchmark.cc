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

void Append(benchmark::State& state, const std::string& url,
            absl::Duration (*server_cpu)()) {
  auto storage = Open(url);
  CHECK(storage.ok()) << storage.status();
  Messages messages(**storage, static_cast<size_t>(state.range(0)));
  const absl::Duration own_before = OwnCpu(), server_before = server_cpu();
  for (auto _ : state) {
    const auto appended = (*storage)->Append(messages.Next());
    CHECK(appended.ok()) << appended.status();
  }
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

void AppendsToSqlite(benchmark::State& state) { Append(state, SqliteUrl(), &NoCpu); }
BENCHMARK(AppendsToSqlite)->RangeMultiplier(10)->Range(1, 1000)->UseRealTime();

void AppendsToPostgres(benchmark::State& state) {
  Append(state, PostgresServer().CreateDatabase(), &PostgresCpu);
}
BENCHMARK(AppendsToPostgres)->RangeMultiplier(10)->Range(1, 1000)->UseRealTime();

}  // namespace
}  // namespace chatter::storage
