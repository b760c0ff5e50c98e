// What sessions cost in memory alone: finding them and filling the batches of their
// streams with what they get.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "services/chat/session_registry.h"

namespace chatter::chat {
namespace {

// Queues deliveries as AttachStream does, and drops them where that would write them.
class DroppingStream : public SessionStream {
 public:
  void Enqueue(v1::Delivery& delivery) override {
    absl::MutexLock lock(&mutex_);
    waiting_.add_deliveries()->Swap(&delivery);
  }
  void Flush() override {
    absl::MutexLock lock(&mutex_);
    outgoing_.Swap(&waiting_);
    outgoing_.Clear();
  }

 private:
  absl::Mutex mutex_;
  v1::ChatBatch waiting_ ABSL_GUARDED_BY(mutex_);
  v1::ChatBatch outgoing_ ABSL_GUARDED_BY(mutex_);
};

// Users of one session each, who share the streams and groups out evenly.
class Crowd {
 public:
  Crowd(int64_t users, int64_t streams, int64_t groups) {
    // As the programs have it.
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
    std::vector<std::shared_ptr<SessionStream>> all;
    for (int64_t i = 0; i < streams; ++i) {
      all.push_back(std::make_shared<DroppingStream>());
    }
    for (int64_t i = 0; i < users; ++i) {
      auto user = std::make_shared<const User>(storage::User{
          i + 1, absl::StrCat("user", i), absl::StrCat("group", i % groups)});
      sessions_.push_back(std::make_shared<Session>(
          std::move(user), all[static_cast<size_t>(i % streams)], i + 1));
      registry_.Open(sessions_.back());
    }
  }

  SessionRegistry& registry() { return registry_; }
  Session& session(size_t i) { return *sessions_[i % sessions_.size()]; }
  const std::string& name(size_t i) { return session(i).user()->name; }

 private:
  DeliveryMetrics metrics_;
  SessionRegistry registry_{metrics_};
  std::vector<std::shared_ptr<Session>> sessions_;
};

// Including what it costs to fill the messages in, which Deliver empties.
void DeliversMessages(benchmark::State& state) {
  Crowd crowd(/*users=*/1000, /*streams=*/state.range(1), /*groups=*/500);
  std::vector<CommittedMessage> messages(static_cast<size_t>(state.range(0)));
  const std::string text(100, 'x');
  size_t next = 0;
  for (auto _ : state) {
    for (CommittedMessage& committed : messages) {
      committed.message.set_id(123'456'789);
      committed.message.set_from(crowd.name(next));
      // Of an odd distance: on another stream, when there is one.
      committed.message.set_to(crowd.name(next + 501));
      committed.message.set_text(text);
      next += 7;
    }
    crowd.registry().Deliver(absl::MakeSpan(messages));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(DeliversMessages)->ArgsProduct({{1, 32, 1000}, {1, 2, 16}});

// A user of a group of 1,000 comes and goes.
void AnnouncesAComingAndAGoing(benchmark::State& state) {
  Crowd crowd(/*users=*/1000, /*streams=*/state.range(0), /*groups=*/1);
  auto user = std::make_shared<const User>(storage::User{1001, "guest", "group0"});
  const auto stream = std::make_shared<DroppingStream>();
  for (auto _ : state) {
    const auto session = std::make_shared<Session>(user, stream, 1);
    crowd.registry().Open(session);
    crowd.registry().Close(*session);
  }
  state.SetItemsProcessed(state.iterations() * 2);
}
BENCHMARK(AnnouncesAComingAndAGoing)->Arg(1)->Arg(2)->Arg(16);

// A second session of a user, in a group of so many: nobody hears of it.
void OpensAndClosesASession(benchmark::State& state) {
  Crowd crowd(/*users=*/state.range(0), /*streams=*/2, /*groups=*/1);
  const auto stream = std::make_shared<DroppingStream>();
  for (auto _ : state) {
    const auto session = std::make_shared<Session>(crowd.session(0).user(), stream, 1);
    crowd.registry().Open(session);
    crowd.registry().Close(*session);
  }
}
BENCHMARK(OpensAndClosesASession)->Arg(1)->Arg(1000)->Arg(10'000);

void LooksUpWhoIsOnline(benchmark::State& state) {
  Crowd crowd(/*users=*/10'000, /*streams=*/2, /*groups=*/5'000);
  std::vector<std::string_view> users;
  for (size_t i = 0; i < 32; ++i) users.push_back(crowd.name(i * 97));
  for (auto _ : state) {
    benchmark::DoNotOptimize(crowd.registry().AreOnline(users));
  }
  state.SetItemsProcessed(state.iterations() * 32);
}
BENCHMARK(LooksUpWhoIsOnline);

}  // namespace
}  // namespace chatter::chat
