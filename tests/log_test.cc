// What the programs log, and what they never do.
#include <signal.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::Each;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ClusterOptions JsonLogs() {
  ClusterOptions options;
  options.chatd["LOG_FORMAT"] = options.edged["LOG_FORMAT"] = "json";
  return options;
}

// The messages of the lines about a request, all of which must be JSON.
std::vector<std::string> MessagesOf(const std::string& output, const std::string& id) {
  std::vector<std::string> messages;
  const std::vector<std::string> lines = absl::StrSplit(output, '\n', absl::SkipEmpty());
  for (const std::string& line : lines) {
    if (line.rfind("listening on ", 0) == 0) continue;  // for the supervisor
    rapidjson::Document json;
    json.Parse(line);
    EXPECT_TRUE(json.IsObject()) << line;
    if (!json.IsObject() || !json.HasMember("request") || json["request"] != id) continue;
    messages.emplace_back(json["message"].GetString());
  }
  return messages;
}

TEST(LogTest, ARequestIsFollowedFromTheEdgeToTheNeighbour) {
  Cluster cluster(JsonLogs());
  const Person alice = cluster.NewPerson("alice", "g");
  cluster.uacl().SetFailing(true);
  HttpReply reply = Ask(cluster.port(), "GET", "/connections",
                        {alice.authorization, "X-Request-Id: trace-1"});
  EXPECT_EQ(reply.status, 503);
  EXPECT_EQ(reply.headers.find("x-request-id")->second, "trace-1");
  // One that is none is replaced.
  reply = Ask(cluster.port(), "GET", "/connections",
              {alice.authorization, "X-Request-Id: no id"});
  EXPECT_THAT(reply.headers.find("x-request-id")->second,
              ::testing::MatchesRegex("[0-9a-f]{16}"));
  cluster.edged().Signal(SIGTERM);
  cluster.edged().Wait(kTestDeadline);
  EXPECT_THAT(MessagesOf(cluster.edged().Output(), "trace-1"),
              Contains(HasSubstr("GET /connections is answered 503")));
  EXPECT_THAT(MessagesOf(cluster.chatd().Output(), "trace-1"),
              AllOf(Contains(HasSubstr("cannot verify tokens")),
                    Contains(HasSubstr("ListConnections failed: UNAVAILABLE"))));
  cluster.StartEdged();
}

TEST(LogTest, NoSecretAndNoTextIsLogged) {
  Cluster cluster(JsonLogs());
  const Person alice = cluster.NewPerson("alice", "g");
  const std::string token = cluster.TokenFor(alice);
  const auto socket = WebSocketClient::Connect(cluster.port(), token);
  ASSERT_NE(socket, nullptr);
  // What works, what is refused, and what fails.
  socket->SendMessage("alice", "private words");
  EXPECT_TRUE(socket->ReadJson().HasMember("id"));
  socket->SendMessage("nobody", "private words");
  socket->SendText("private words");
  socket->ReadJsonWith("error");
  EXPECT_EQ(WebSocketClient::Connect(cluster.port(), token), nullptr);  // it is used
  Ask(cluster.port(), "GET", "/ws_token", {"Authorization: Bearer stolen-token"});
  Ask(cluster.port(), "POST", "/user", {"Authorization: guessed-secret"},
      R"({"username":"eve","user_group":"g","password":"pa55word"})");
  cluster.notif().SetStatus(400);
  socket->SendMessage("alice", "private words");
  cluster.uacl().SetFailing(true);
  const Person bob = cluster.NewPerson("bob", "g");
  EXPECT_EQ(Ask(cluster.port(), "GET", "/ws_token", {bob.authorization}).status, 503);
  cluster.chatd().Signal(SIGTERM);
  EXPECT_EQ(cluster.chatd().Wait(kTestDeadline), 0);
  EXPECT_EQ(socket->ReadUntilClosed(), 1012);
  EXPECT_EQ(Ask(cluster.port(), "GET", absl::StrCat("/ws?token=", token)).status, 400);
  const std::string chatd_output = cluster.chatd().Output();
  EXPECT_THAT(chatd_output, HasSubstr("cannot verify tokens"));
  cluster.StartChatd();

  const std::string jwt = alice.authorization.substr(alice.authorization.rfind(' ') + 1);
  for (const std::string& output : {cluster.edged().Output(), chatd_output}) {
    for (const std::string& secret :
         {std::string("private words"), token, jwt, std::string("stolen-token"),
          std::string("guessed-secret"), std::string("pa55word"), std::string("Bearer"),
          std::string(kNotificationAuth), std::string(kServiceAuth)}) {
      EXPECT_THAT(output, Not(HasSubstr(secret)));
    }
  }
}

TEST(LogTest, AStopIsNothingToWarnOf) {
  ClusterOptions options;
  options.chatd["LOG_LEVEL"] = options.edged["LOG_LEVEL"] = "warning";
  Cluster cluster(options);
  const Person alice = cluster.NewPerson("alice", "g");
  const auto socket = WebSocketClient::Connect(cluster.port(), cluster.TokenFor(alice));
  ASSERT_NE(socket, nullptr);
  for (Process* const process : {&cluster.edged(), &cluster.chatd()}) {
    process->Signal(SIGTERM);
    EXPECT_EQ(process->Wait(kTestDeadline), 0);
    const std::vector<std::string> lines =
        absl::StrSplit(process->Output(), '\n', absl::SkipEmpty());
    EXPECT_THAT(lines, Each(StartsWith("listening on ")));
  }
  cluster.StartChatd();
  cluster.StartEdged();
}

TEST(LogTest, TheLevelDecidesWhatIsSaid) {
  ClusterOptions options;
  options.edged["LOG_LEVEL"] = "error";
  Cluster cluster(options);
  cluster.StopChatd();
  EXPECT_EQ(
      Ask(cluster.port(), "GET", "/connections", {"Authorization: Bearer x"}).status,
      503);
  EXPECT_THAT(cluster.edged().Output(), Not(HasSubstr("attached")));
  cluster.StartChatd();
}

}  // namespace
}  // namespace chatter::testing
