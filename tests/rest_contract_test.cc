// contract.md: the envelope, CORS, and the endpoints over HTTP; histories are elsewhere.
#include "tests/support/rest_contract.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"

namespace chatter::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

CHATTER_INSTANTIATE_CONTRACT_TEST(RestContractTest);

TEST_P(RestContractTest, HealthzAnswersWithAndWithoutASlash) {
  ExpectMessage(Get("/healthz"), 200, "Health OK");
  ExpectMessage(Get("/healthz/"), 200, "Health OK");
  const HttpReply head = Ask(port(), "HEAD", "/healthz");
  EXPECT_EQ(head.status, 200);
  EXPECT_THAT(head.body, IsEmpty());
}

TEST_P(RestContractTest, UnknownPathsAndWrongMethods) {
  EXPECT_EQ(Get("/nothing").status, 404);
  Parse(Get("/nothing"));
  const HttpReply wrong = Ask(port(), "POST", "/connections", {}, "{}");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(wrong.headers.at("allow"), "GET, OPTIONS");
  Parse(wrong);
  EXPECT_EQ(Ask(port(), "DELETE", "/user").headers.at("allow"), "POST, OPTIONS");
  EXPECT_EQ(Ask(port(), "POST", "/ws").status, 405);
  EXPECT_EQ(Ask(port(), "PUT", "/healthz").status, 405);
}

TEST_P(RestContractTest, CorsIsForAllowedOriginsOnly) {
  for (const std::string path : {"/healthz", "/nothing", "/messages"}) {
    const HttpReply none = Get(path);
    EXPECT_EQ(none.headers.count("access-control-allow-origin"), 0u);
    EXPECT_EQ(none.headers.at("vary"), "Origin");
    EXPECT_EQ(none.headers.at("access-control-allow-methods"), "GET,POST,OPTIONS,DELETE");
    EXPECT_EQ(none.headers.at("access-control-allow-headers"),
              "Accept, Content-Type, Content-Length, Accept-Encoding, Authorization, "
              "X-CSRF-Token");
    const HttpReply allowed = Get(path, {"Origin: https://other.example"});
    EXPECT_EQ(allowed.headers.at("access-control-allow-origin"), "https://other.example");
    const HttpReply refused = Get(path, {"Origin: https://evil.example"});
    EXPECT_EQ(refused.headers.count("access-control-allow-origin"), 0u);
    EXPECT_EQ(refused.headers.at("vary"), "Origin");
  }
}

TEST_P(RestContractTest, OptionsIsAnsweredOnAnyPathWithoutAuthentication) {
  for (const std::string path : {"/user", "/messages", "/ws", "/nothing", "/", "*"}) {
    const HttpReply reply = Ask(port(), "OPTIONS", path, {"Origin: https://app.example"});
    EXPECT_EQ(reply.status, 200) << path;
    EXPECT_THAT(reply.body, IsEmpty());
    EXPECT_EQ(reply.headers.at("access-control-allow-origin"), "https://app.example");
  }
}

// --- POST /user ---

TEST_P(RestContractTest, CreatesAUserOnce) {
  const std::string body = absl::StrCat(R"({"username":")", Name("alice"),
                                        R"(","user_group":"g","id":7,"password":"$2$x",)",
                                        R"("nested":{"a":[1,null]}})");
  ExpectMessage(CreateUser(body), 201, "Created user");
  ExpectMessage(CreateUser(body), 400, "Username already exists");
  ExpectMessage(Ask(port(), "POST", "/user/",
                    {absl::StrCat("Authorization: ", kNotificationAuth)}, body),
                400, "Username already exists");
}

TEST_P(RestContractTest, OnlyTheSecretMayCreateUsers) {
  const std::string body =
      absl::StrCat(R"({"username":")", Name("alice"), R"(","user_group":"g"})");
  for (const std::string secret : {"wrong", "Bearer notification-secret",
                                   "notification-secre", "notification-secret2", ""}) {
    ExpectMessage(CreateUser(body, secret), 400, "Not authorised");
  }
  ExpectMessage(Ask(port(), "POST", "/user", {}, body), 400, "Not authorised");
  // Also with a body that would be refused.
  ExpectMessage(CreateUser("{", "wrong"), 400, "Not authorised");
  ExpectMessage(CreateUser(body), 201, "Created user");
}

TEST_P(RestContractTest, NobodyCreatesUsersWhenThereIsNoSecret) {
  ClusterOptions options;
  options.engine = GetParam();
  options.chatd["NOTIFICATION_AUTH"] = "";
  options.chatd["SERVICE_AUTH"] = "";
  Cluster open(options);
  const std::string body = R"({"username":"alice","user_group":"g"})";
  ExpectMessage(Ask(open.port(), "POST", "/user", {}, body), 400, "Not authorised");
  ExpectMessage(Ask(open.port(), "POST", "/user", {"Authorization: "}, body), 400,
                "Not authorised");
  ExpectMessage(Ask(open.port(), "POST", "/user", {"Authorization: x"}, body), 400,
                "Not authorised");
}

TEST_P(RestContractTest, SaysWhatIsWrongWithANewUser) {
  const auto user = [](const std::string& name, const std::string& group) {
    return absl::StrCat("{\"username\":", JsonString(name),
                        ",\"user_group\":", JsonString(group), "}");
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"not json", "JSON"},
      {"[]", "object"},
      {"{}", "username"},
      {R"({"username":7})", "username"},
      {R"({"username":"x","user_group":7})", "user_group"},
      {user("", "g"), "username"},
      {user(std::string(129, 'x'), "g"), "username"},
      {user(Name("x"), std::string(57, 'x')), "group"},
      {user("a\tb", "g"), "control"},
      {user(Name("y"), "a\nb"), "control"},
      {R"({"username":"a\u0000b","user_group":"g"})", "control"},
      {"{\"username\":\"\xff\xfe\",\"user_group\":\"g\"}", "JSON"},
  };
  for (const auto& [body, said] : cases) {
    const HttpReply reply = CreateUser(body);
    EXPECT_EQ(reply.status, 400) << body;
    const rapidjson::Document json = Parse(reply);
    EXPECT_THAT(json["message"][0]["message"].GetString(), HasSubstr(said)) << body;
  }
  // The limits are characters, not bytes.
  std::string long_name = Name("ä");
  while (long_name.size() < 200) long_name += "ä";
  EXPECT_EQ(CreateUser(user(long_name, "g")).status, 201);
}

// --- Bearer ---

TEST_P(RestContractTest, BearerEndpointsWantAToken) {
  const Person alice = NewPerson("alice");
  const std::string expired =
      "Authorization: Bearer " +
      cluster().uacl().AddUser(Name("late"), Group(), -absl::Hours(1));
  for (const std::string path : {"/ws_token", "/connections", "/messages"}) {
    ExpectMessage(Get(path), 401, "Not authorised");
    ExpectMessage(Get(path, {"Authorization: Bearer nonsense"}), 401, "Not authorised");
    ExpectMessage(Get(path, {"Authorization: Bearer "}), 401, "Not authorised");
    ExpectMessage(Get(path, {"Authorization: Basic abc"}), 401, "Not authorised");
    ExpectMessage(Get(path, {expired}), 401, "Not authorised");
    ExpectMessage(Get(path, {alice.authorization + "x"}), 401, "Not authorised");
    ExpectMessage(Get(path, {absl::StrCat("Authorization: ", kServiceAuth)}), 401,
                  "Not authorised");
  }
}

TEST_P(RestContractTest, IssuesATokenForFiveMinutes) {
  const Person alice = NewPerson("alice");
  const absl::Time before = absl::Now();
  for (const std::string path : {"/ws_token", "/ws_token/"}) {
    const HttpReply reply = Get(path, {alice.authorization});
    EXPECT_EQ(reply.status, 201);
    const rapidjson::Document json = Parse(reply);
    EXPECT_TRUE(json["message"].IsNull());
    EXPECT_THAT(json["result"]["token"].GetString(), MatchesRegex("[A-Za-z0-9_-]{43}"));
    EXPECT_EQ(json["result"]["username"], rapidjson::StringRef(alice.name.c_str()));
    const std::string expires = json["result"]["expires"].GetString();
    EXPECT_THAT(expires,
                MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
    absl::Time time;
    ASSERT_TRUE(absl::ParseTime(absl::RFC3339_full, expires, &time, nullptr));
    EXPECT_GE(time, before + absl::Minutes(5) - absl::Seconds(1));
    EXPECT_LE(time, absl::Now() + absl::Minutes(5));
  }
}

TEST_P(RestContractTest, ConnectionsListTheCallersGroup) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  const Person other = cluster().NewPerson(Name("other"), Group() + "2");
  for (const Person& person : {bob, alice, other}) Introduce(person);
  const auto socket = cluster().Connect(bob);
  for (const std::string path : {"/connections", "/connections/"}) {
    const HttpReply reply = Get(path, {alice.authorization});
    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, absl::StrCat("{\"result\":[{\"username\":\"", alice.name,
                                       "\",\"active\":false},{\"username\":\"", bob.name,
                                       "\",\"active\":true}],\"message\":null}"));
  }
}

TEST_P(RestContractTest, AGroupChangesWhenItChangedAtUacl) {
  Person alice = NewPerson("alice");
  const Person bob = cluster().NewPerson(Name("bob"), Group() + "2");
  Introduce(alice);
  Introduce(bob);
  alice = cluster().NewPerson(Name("alice"), Group() + "2");
  EXPECT_THAT(Get("/connections", {alice.authorization}).body, HasSubstr(bob.name));
  EXPECT_THAT(Get("/connections", {bob.authorization}).body, HasSubstr(alice.name));
}

// --- Connections that stay ---

TEST_P(RestContractTest, KeepsConnectionsAlive) {
  HttpConnection connection(port());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(connection.Ask("GET", "/healthz").headers.at("connection"), "keep-alive");
  }
  const Person alice = NewPerson("alice");
  EXPECT_EQ(connection.Ask("GET", "/ws_token", {alice.authorization}).status, 201);
  EXPECT_EQ(
      connection.Ask("GET", "/healthz", {"Connection: close"}).headers.at("connection"),
      "close");
  std::string rest;
  EXPECT_FALSE(connection.tcp().Receive(rest));
}

TEST_P(RestContractTest, AnswersPipelinedRequestsInOrder) {
  const Person alice = NewPerson("alice");
  HttpConnection connection(port());
  connection.tcp().Send(RequestText("GET", "/ws_token", {alice.authorization}) +
                        RequestText("GET", "/healthz") +
                        RequestText("GET", "/connections", {alice.authorization}) +
                        RequestText("GET", "/nothing"));
  std::vector<int> statuses;
  for (int i = 0; i < 4; ++i) statuses.push_back(connection.Read()->status);
  EXPECT_THAT(statuses, ElementsAre(201, 200, 200, 404));
}

TEST_P(RestContractTest, ThePageIsServed) {
  const HttpReply page = Get("/");
  EXPECT_EQ(page.status, 200);
  EXPECT_THAT(page.headers.at("content-type"), HasSubstr("text/html"));
  EXPECT_THAT(page.body, HasSubstr("<title>"));
  const HttpReply again = Get("/", {"If-None-Match: " + page.headers.at("etag")});
  EXPECT_EQ(again.status, 304);
}

}  // namespace
}  // namespace chatter::testing
