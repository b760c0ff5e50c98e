#include "tools/standins/notif.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <rapidjson/document.h>

#include <filesystem>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"

namespace chatter::standins {
namespace {

std::string Body(const std::string& username, const std::string& message) {
  return absl::StrCat(R"({"username":")", username,
                      R"(","type":"message","title":"New message!",)", R"("message":")",
                      message,
                      R"(","link":"http://x/messenger?talking-to=bob","username_to":")",
                      username, R"(","created_at":"2024-01-02T03:04:05Z","seen":false})");
}

std::unique_ptr<Notif> MustStart(NotifOptions options = {}) {
  if (options.secret.empty()) options.secret = "secret";
  absl::StatusOr<std::unique_ptr<Notif>> notif = Notif::Start(std::move(options));
  EXPECT_TRUE(notif.ok()) << notif.status();
  return *std::move(notif);
}

int Post(const Notif& notif, const std::string& body,
         const std::string& secret = "secret") {
  httplib::Client client("127.0.0.1", notif.port());
  const auto answer =
      client.Post("/notification", {{"Authorization", secret}}, body, "application/json");
  return answer ? answer->status : 0;
}

// The messages of what is listed for a user, in that order.
std::vector<std::string> Listed(const Notif& notif, const std::string& username) {
  httplib::Client client("127.0.0.1", notif.port());
  const auto answer = client.Get("/notification?username=" + username);
  rapidjson::Document json;
  json.Parse(answer->body);
  std::vector<std::string> messages;
  for (const auto& each : json["result"].GetArray()) {
    messages.emplace_back(each["message"].GetString());
  }
  return messages;
}

TEST(NotifTest, TakesAndListsNotifications) {
  const auto notif = MustStart();
  EXPECT_EQ(Post(*notif, Body("ann", "one")), 201);
  EXPECT_EQ(Post(*notif, Body("carl", "two")), 201);
  EXPECT_EQ(Post(*notif, Body("ann", "three")), 201);
  EXPECT_EQ(Listed(*notif, "ann"), (std::vector<std::string>{"three", "one"}));
  ASSERT_EQ(notif->received().size(), 3);
  const Notification first = notif->received()[0];
  EXPECT_EQ(first.username, "ann");
  EXPECT_EQ(first.type, "message");
  EXPECT_EQ(first.link, "http://x/messenger?talking-to=bob");
  EXPECT_EQ(first.created_at, "2024-01-02T03:04:05Z");
  EXPECT_FALSE(first.seen);
}

TEST(NotifTest, CountsWhatItHasTaken) {
  NotifOptions options;
  options.max_notifications = 1;
  const auto notif = MustStart(options);
  EXPECT_EQ(Post(*notif, Body("ann", "one")), 201);
  EXPECT_EQ(Post(*notif, Body("ann", "two")), 201);
  EXPECT_EQ(Post(*notif, "{"), 400);
  httplib::Client client("127.0.0.1", notif->port());
  EXPECT_EQ(client.Get("/notification/count")->body, R"({"result":2,"message":null})");
}

TEST(NotifTest, RefusesStrangersAndBadBodies) {
  const auto notif = MustStart();
  EXPECT_EQ(Post(*notif, Body("ann", "one"), ""), 401);
  EXPECT_EQ(Post(*notif, Body("ann", "one"), "Secret"), 401);
  EXPECT_EQ(Post(*notif, "{"), 400);
  EXPECT_EQ(Post(*notif, "[]"), 400);
  EXPECT_EQ(Post(*notif, R"({"username":"ann"})"), 400);
  EXPECT_TRUE(notif->received().empty());
  EXPECT_EQ(notif->calls(), 5);
}

TEST(NotifTest, FailsAsToldAndStoresNothingThen) {
  const auto notif = MustStart();
  notif->SetFailing(true);
  EXPECT_EQ(Post(*notif, Body("ann", "one")), 500);
  notif->SetStatus(429);
  EXPECT_EQ(Post(*notif, Body("ann", "one")), 429);
  EXPECT_TRUE(notif->received().empty());
  notif->SetFailing(false);
  EXPECT_EQ(Post(*notif, Body("ann", "one")), 201);
  EXPECT_EQ(notif->received().size(), 1);
}

TEST(NotifTest, WaitsForWhatIsDelayed) {
  const auto notif = MustStart();
  notif->SetDelay(absl::InfiniteDuration());
  auto held =
      std::async(std::launch::async, [&] { return Post(*notif, Body("ann", "one")); });
  while (notif->calls() == 0) std::this_thread::yield();
  EXPECT_FALSE(notif->WaitFor(1, absl::ZeroDuration()));
  notif->SetDelay(absl::ZeroDuration());
  EXPECT_TRUE(notif->WaitFor(1, absl::Minutes(1)));
  EXPECT_EQ(held.get(), 201);
}

TEST(NotifTest, StopsWhileARequestIsDelayed) {
  auto notif = MustStart();
  notif->SetDelay(absl::InfiniteDuration());
  auto held = std::async(std::launch::async, [port = notif->port()] {
    httplib::Client client("127.0.0.1", port);
    return client.Post("/notification", "{}", "application/json")->status;
  });
  while (notif->calls() == 0) std::this_thread::yield();
  notif.reset();
  EXPECT_EQ(held.get(), 401);
}

TEST(NotifTest, KeepsTheNewestUpToItsBoundAcrossARestart) {
  NotifOptions options;
  options.data_dir = absl::StrCat(::testing::TempDir(), "/notif");
  options.max_notifications = 2;
  std::filesystem::remove_all(options.data_dir);
  {
    const auto notif = MustStart(options);
    for (const char* text : {"1", "2", "3", "4", "5", "6", "7"}) {
      ASSERT_EQ(Post(*notif, Body("ann", text)), 201);
    }
    EXPECT_EQ(Listed(*notif, "ann"), (std::vector<std::string>{"7", "6"}));
    EXPECT_TRUE(notif->WaitFor(7, absl::ZeroDuration()));
    std::ifstream file(options.data_dir + "/notifications.jsonl");
    std::string line;
    int lines = 0;
    while (std::getline(file, line)) ++lines;
    EXPECT_LE(lines, 4);
  }
  const auto notif = MustStart(options);
  EXPECT_EQ(Listed(*notif, "ann"), (std::vector<std::string>{"7", "6"}));
}

TEST(NotifTest, ForgetsATornLastLine) {
  NotifOptions options;
  options.data_dir = absl::StrCat(::testing::TempDir(), "/torn_notif");
  std::filesystem::remove_all(options.data_dir);
  std::filesystem::create_directories(options.data_dir);
  std::ofstream(options.data_dir + "/notifications.jsonl")
      << Body("ann", "whole") << "\n"
      << Body("ann", "torn").substr(0, 40);
  EXPECT_EQ(Listed(*MustStart(options), "ann"), std::vector<std::string>{"whole"});
}

}  // namespace
}  // namespace chatter::standins
