#include "services/base/http_client.h"

#include <httplib.h>

#include <atomic>
#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

// A neighbour on a port that the kernel chooses.
class HttpClientTest : public ::testing::Test {
 protected:
  HttpClientTest() {
    server_.new_task_queue = [] { return new httplib::ThreadPool(16); };
    server_.set_keep_alive_max_count(1000);
    server_.Get("/hello",
                [this](const httplib::Request& request, httplib::Response& out) {
                  Seen(request);
                  out.set_content(request.get_header_value("X-Test"), "text/plain");
                });
    server_.Post("/echo", [](const httplib::Request& request, httplib::Response& out) {
      out.status = 201;
      out.set_content(request.body, "text/plain");
    });
    server_.Get("/redirect", [](const httplib::Request&, httplib::Response& out) {
      out.set_redirect("/hello");
    });
    server_.Get("/large", [](const httplib::Request&, httplib::Response& out) {
      out.set_content(std::string(70'000, 'x'), "text/plain");
    });
    server_.Get("/hang", [this](const httplib::Request& request, httplib::Response&) {
      Seen(request);
      absl::MutexLock lock(&mutex_);
      mutex_.Await(absl::Condition(&let_go_));
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    listener_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }

  ~HttpClientTest() override {
    SetLetGo(true);
    server_.stop();
    listener_.join();
  }

  void SetLetGo(bool let_go) {
    absl::MutexLock lock(&mutex_);
    let_go_ = let_go;
  }

  void Seen(const httplib::Request& request) {
    absl::MutexLock lock(&mutex_);
    peer_ports_.insert(request.remote_port);
    ++calls_;
  }

  void WaitForCalls(int calls) {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, calls]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return calls_ >= calls;
    };
    mutex_.Await(absl::Condition(&enough));
  }

  HttpRequest Request(const std::string& path,
                      absl::Duration deadline = absl::Seconds(20)) const {
    HttpRequest request;
    request.url = absl::StrCat("http://127.0.0.1:", port_, path);
    request.deadline = deadline;
    return request;
  }

  static std::future<absl::StatusOr<HttpResponse>> Send(HttpClient& client,
                                                        HttpRequest request) {
    auto answer = std::make_shared<std::promise<absl::StatusOr<HttpResponse>>>();
    auto future = answer->get_future();
    client.Send(std::move(request), [answer](absl::StatusOr<HttpResponse> response) {
      answer->set_value(std::move(response));
    });
    return future;
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread listener_;
  absl::Mutex mutex_;
  bool let_go_ = false;
  int calls_ = 0;
  std::set<int> peer_ports_;
};

TEST_F(HttpClientTest, GetsAndPosts) {
  const auto client = MakeHttpClient({});
  HttpRequest get = Request("/hello");
  get.headers = {"X-Test: value"};
  const auto got = Send(*client, std::move(get)).get();
  ASSERT_TRUE(got.ok()) << got.status();
  EXPECT_EQ(got->status, 200);
  EXPECT_EQ(got->body, "value");

  HttpRequest post = Request("/echo");
  post.body = std::make_unique<std::string>(std::string("a\0b", 3));
  const auto posted = Send(*client, std::move(post)).get();
  ASSERT_TRUE(posted.ok()) << posted.status();
  EXPECT_EQ(posted->status, 201);
  EXPECT_EQ(posted->body, std::string("a\0b", 3));
}

TEST_F(HttpClientTest, ReusesItsConnection) {
  const auto client = MakeHttpClient({});
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Send(*client, Request("/hello")).get().ok());
  }
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(peer_ports_.size(), 1u);
}

TEST_F(HttpClientTest, KeepsTheConnectionsOfARush) {
  constexpr int kCalls = 8;
  const auto client = MakeHttpClient({});
  const auto rush = [&](int calls_until_now) {
    SetLetGo(false);
    std::vector<std::future<absl::StatusOr<HttpResponse>>> answers;
    for (int i = 0; i < kCalls; ++i) answers.push_back(Send(*client, Request("/hang")));
    WaitForCalls(calls_until_now + kCalls);
    SetLetGo(true);
    for (auto& answer : answers) ASSERT_TRUE(answer.get().ok());
  };
  rush(0);
  for (int i = 0; i < kCalls; ++i) {
    ASSERT_TRUE(Send(*client, Request("/hello")).get().ok());
  }
  rush(2 * kCalls);
  absl::MutexLock lock(&mutex_);
  EXPECT_EQ(peer_ports_.size(), static_cast<size_t>(kCalls));
}

TEST_F(HttpClientTest, SendsWhatACallbackAsksFor) {
  const auto client = MakeHttpClient({});
  std::promise<absl::StatusOr<HttpResponse>> second;
  client->Send(Request("/hello"), [&](const absl::StatusOr<HttpResponse>&) {
    client->Send(Request("/hello"), [&](absl::StatusOr<HttpResponse> response) {
      second.set_value(std::move(response));
    });
  });
  EXPECT_TRUE(second.get_future().get().ok());
}

TEST_F(HttpClientTest, DoesNotFollowRedirects) {
  const auto client = MakeHttpClient({});
  EXPECT_EQ(Send(*client, Request("/redirect")).get()->status, 302);
  EXPECT_EQ(calls_, 0);
}

TEST_F(HttpClientTest, EndsAtTheDeadline) {
  const auto client = MakeHttpClient({});
  const absl::Time start = absl::Now();
  const auto answer = Send(*client, Request("/hang", absl::Milliseconds(200))).get();
  EXPECT_TRUE(absl::IsDeadlineExceeded(answer.status())) << answer.status();
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(190));
  EXPECT_LT(absl::Now() - start, absl::Seconds(10));
}

TEST_F(HttpClientTest, SaysWhenNobodyAnswers) {
  const auto client = MakeHttpClient({});
  HttpRequest refused = Request("/");
  refused.url = "http://127.0.0.1:1/";
  EXPECT_TRUE(absl::IsUnavailable(Send(*client, std::move(refused)).get().status()));
  HttpRequest nonsense = Request("/");
  nonsense.url = "not a url";
  EXPECT_TRUE(absl::IsInvalidArgument(Send(*client, std::move(nonsense)).get().status()));
}

TEST_F(HttpClientTest, ALargeAnswerIsRefused) {
  const auto client = MakeHttpClient({});
  EXPECT_TRUE(absl::IsResourceExhausted(Send(*client, Request("/large")).get().status()));
}

TEST_F(HttpClientTest, BoundsWhatRunsAndWhatWaits) {
  HttpClientLimits limits;
  limits.in_flight = 2;
  limits.waiting = 3;
  const auto client = MakeHttpClient(limits);
  std::vector<std::future<absl::StatusOr<HttpResponse>>> answers;
  for (int i = 0; i < 2; ++i) answers.push_back(Send(*client, Request("/hang")));
  WaitForCalls(2);
  for (int i = 0; i < 3; ++i) answers.push_back(Send(*client, Request("/hello")));
  EXPECT_TRUE(absl::IsResourceExhausted(Send(*client, Request("/hello")).get().status()));
  {
    absl::MutexLock lock(&mutex_);
    EXPECT_EQ(calls_, 2);
  }
  SetLetGo(true);
  for (auto& answer : answers) EXPECT_TRUE(answer.get().ok());
}

TEST_F(HttpClientTest, ItsEndCancelsWhatACancelledCallAsksFor) {
  std::vector<absl::Status> ended;
  auto client = MakeHttpClient({1, 1});
  for (int i = 0; i < 2; ++i) {
    // One on its way, one that waits.
    client->Send(Request("/hang"), [&, client = client.get()](
                                       const absl::StatusOr<HttpResponse>& first) {
      ended.push_back(first.status());
      client->Send(Request("/hello"), [&](const absl::StatusOr<HttpResponse>& second) {
        ended.push_back(second.status());
      });
    });
    WaitForCalls(1);
  }
  client.reset();
  ASSERT_EQ(ended.size(), 4u);
  for (const absl::Status& status : ended) {
    EXPECT_TRUE(absl::IsCancelled(status)) << status;
  }
}

TEST_F(HttpClientTest, ItsEndCancelsWhatIsOnItsWay) {
  auto client = MakeHttpClient({});
  auto answer = Send(*client, Request("/hang"));
  WaitForCalls(1);
  client.reset();
  EXPECT_TRUE(absl::IsCancelled(answer.get().status()));
}

}  // namespace
}  // namespace chatter
