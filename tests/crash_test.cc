// Programs that are killed or restarted under load: what was acknowledged is in the
// history, once, and in the sender's order.
#include <algorithm>
#include <atomic>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "glog/logging.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/contract_test.h"

namespace chatter::testing {
namespace {

constexpr int kPairs = 4;
constexpr int kOutstanding = 16;
constexpr int kEchoesBetweenStops = 400;
constexpr int kStops = 3;

// Sends numbered messages with several outstanding, and goes on after each lost
// connection; remembers which echoes it saw.
class Sender {
 public:
  Sender(Cluster& cluster, Person from, Person to)
      : cluster_(cluster), from_(std::move(from)), to_(std::move(to)) {}

  void Run(const std::atomic<bool>& stop) {
    while (!stop) {
      const std::unique_ptr<WebSocketClient> socket = TryConnect();
      if (socket != nullptr) Talk(*socket, stop);
    }
  }

  const Person& from() const { return from_; }
  const Person& to() const { return to_; }
  int echoes() const { return echoes_; }
  // Numbers, in the order of their echoes.
  const std::vector<int>& acknowledged() const { return acknowledged_; }
  // How its sockets ended, but for the last one.
  const std::set<int>& close_codes() const { return close_codes_; }

 private:
  std::unique_ptr<WebSocketClient> TryConnect() {
    HttpConnection connection(cluster_.port());
    connection.tcp().Send(RequestText("GET", "/ws_token", {from_.authorization}));
    const auto reply = connection.Read();
    if (!reply.has_value() || reply->status != 201) return nullptr;
    rapidjson::Document json;
    json.Parse(reply->body);
    return WebSocketClient::Connect(cluster_.port(), json["result"]["token"].GetString());
  }

  void Talk(WebSocketClient& socket, const std::atomic<bool>& stop) {
    int outstanding = 0;
    while (true) {
      while (outstanding < kOutstanding && !stop) {
        // One that is closed says so to the reader below.
        socket.SendMessage(to_.name, absl::StrCat(next_++));
        ++outstanding;
      }
      if (outstanding == 0) return;
      const rapidjson::Document json = socket.ReadJson();
      if (json.HasMember("closed")) {
        close_codes_.insert(json["closed"].GetInt());
        return;
      }
      // Storage may be refused in the moment of a stop.
      if (json.HasMember("id")) {
        int number;
        ASSERT_TRUE(absl::SimpleAtoi(json["message"].GetString(), &number));
        acknowledged_.push_back(number);
        ++echoes_;
      }
      --outstanding;
    }
  }

  Cluster& cluster_;
  const Person from_;
  const Person to_;
  int next_ = 0;
  std::atomic<int> echoes_{0};
  std::vector<int> acknowledged_;
  std::set<int> close_codes_;
};

class CrashTest : public ::testing::TestWithParam<Engine> {
 protected:
  // The whole history, by its pages, as numbers.
  static std::vector<int> History(Cluster& cluster, const Person& who,
                                  const Person& with) {
    std::vector<int> all;
    std::string before;
    while (true) {
      const HttpReply reply =
          Ask(cluster.port(), "GET",
              absl::StrCat("/messages?from=", who.name, "&to=", with.name, before),
              {who.authorization});
      EXPECT_EQ(reply.status, 200) << reply.body;
      rapidjson::Document json;
      json.Parse(reply.body);
      const auto page = json["result"].GetArray();
      if (page.Empty()) return all;
      std::vector<int> numbers;
      for (const auto& message : page) {
        numbers.push_back(std::stoi(message["message"].GetString()));
      }
      all.insert(all.begin(), numbers.begin(), numbers.end());
      before = absl::StrCat("&before=", page[0]["id"].GetInt64());
    }
  }

  // Returns how sockets ended meanwhile.
  std::set<int> RunWithStops(const std::function<void(Cluster&)>& stop_and_start,
                             ClusterOptions options = {}) {
    options.engine = GetParam();
    options.chatd["MESSAGE_RATE"] = "0";
    Cluster cluster(options);
    std::vector<std::unique_ptr<Sender>> senders;
    for (int i = 0; i < kPairs; ++i) {
      const Person from = cluster.NewPerson(absl::StrCat("from", i), "g");
      const Person to = cluster.NewPerson(absl::StrCat("to", i), absl::StrCat("g", i));
      cluster.TokenFor(to);  // so that Chatter knows them
      senders.push_back(std::make_unique<Sender>(cluster, from, to));
    }
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (const auto& sender : senders) {
      threads.emplace_back([&] { sender->Run(stop); });
    }
    const auto echoes = [&] {
      int total = 0;
      for (const auto& sender : senders) total += sender->echoes();
      return total;
    };
    for (int i = 0; i < kStops; ++i) {
      const int before = echoes();
      const absl::Time deadline = absl::Now() + kTestDeadline;
      while (echoes() < before + kEchoesBetweenStops) {
        CHECK(absl::Now() < deadline) << "nothing goes on after stop " << i;
        absl::SleepFor(absl::Milliseconds(1));
      }
      stop_and_start(cluster);
    }
    stop = true;
    for (std::thread& thread : threads) thread.join();
    cluster.WaitUntilReady();

    std::set<int> close_codes;
    for (const auto& sender : senders) {
      close_codes.insert(sender->close_codes().begin(), sender->close_codes().end());
      const std::vector<int> history = History(cluster, sender->from(), sender->to());
      EXPECT_THAT(sender->acknowledged(), ::testing::Not(::testing::IsEmpty()));
      // Everything once, in the order in which it was sent.
      EXPECT_TRUE(std::is_sorted(history.begin(), history.end()));
      const std::set<int> stored(history.begin(), history.end());
      EXPECT_EQ(stored.size(), history.size());
      for (const int number : sender->acknowledged()) {
        EXPECT_EQ(stored.count(number), 1u) << number << " is lost";
      }
      EXPECT_TRUE(
          std::is_sorted(sender->acknowledged().begin(), sender->acknowledged().end()));
    }
    return close_codes;
  }
};

CHATTER_INSTANTIATE_CONTRACT_TEST(CrashTest);

TEST_P(CrashTest, KillingChatdLosesNothingAcknowledged) {
  RunWithStops([](Cluster& cluster) {
    cluster.KillChatd();
    cluster.StartChatd();
  });
}

TEST_P(CrashTest, KillingEdgedLosesNothingAcknowledged) {
  RunWithStops([](Cluster& cluster) {
    cluster.KillEdged();
    cluster.StartEdged();
  });
}

// Every client hears in time, by a close code, that it is to come back.
TEST_P(CrashTest, RestartingChatdLeavesNobodyWithoutAnAnswer) {
  const std::set<int> codes = RunWithStops([](Cluster& cluster) {
    cluster.StopChatd();
    cluster.StartChatd();
  });
  EXPECT_THAT(codes, ::testing::ElementsAre(1012));
}

TEST_P(CrashTest, RestartingEdgedLeavesNobodyWithoutAnAnswer) {
  ClusterOptions options;
  options.edged["DRAIN_SECONDS"] = "1";
  const std::set<int> codes = RunWithStops(
      [](Cluster& cluster) {
        cluster.StopEdged();
        cluster.StartEdged();
      },
      options);
  EXPECT_THAT(codes, ::testing::ElementsAre(1001));
}

}  // namespace
}  // namespace chatter::testing
