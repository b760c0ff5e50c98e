// contract.md: the envelope, CORS, and the endpoints over HTTP.
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/contract_test.h"

namespace chatter::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::SizeIs;

std::string MessageBody(const std::string& text) {
  return absl::StrCat("{\"result\":null,\"message\":[{\"message\":", JsonString(text),
                      "}]}");
}

void ExpectMessage(const HttpReply& reply, int status, const std::string& text) {
  EXPECT_EQ(reply.status, status);
  EXPECT_EQ(reply.body, MessageBody(text));
  EXPECT_EQ(reply.headers.at("content-type"), "application/json");
  EXPECT_EQ(reply.headers.at("cache-control"), "no-cache");
}

rapidjson::Document Parse(const HttpReply& reply) {
  rapidjson::Document json;
  json.Parse(reply.body);
  EXPECT_TRUE(json.IsObject() && json.HasMember("result") && json.HasMember("message"))
      << reply.body;
  return json;
}

std::string UrlEncode(const std::string& text) {
  return absl::StrReplaceAll(text, {{" ", "%20"}, {"&", "%26"}, {"+", "%2B"}});
}

class RestContractTest : public ContractTest {
 protected:
  static HttpReply Get(const std::string& target, const HeaderLines& headers = {}) {
    return Ask(port(), "GET", target, headers);
  }

  static HttpReply CreateUser(const std::string& body,
                              const std::string& secret = kNotificationAuth) {
    return Ask(port(), "POST", "/user", {"Authorization: " + secret}, body);
  }

  static HttpReply History(const Person& who, const std::string& from,
                           const std::string& to, const std::string& more = "") {
    return Get(
        absl::StrCat("/messages?from=", UrlEncode(from), "&to=", UrlEncode(to), more),
        {who.authorization});
  }

  // The texts of a history, oldest first.
  static std::vector<std::string> Texts(const HttpReply& reply) {
    EXPECT_EQ(reply.status, 200) << reply.body;
    const rapidjson::Document json = Parse(reply);
    std::vector<std::string> texts;
    for (const auto& message : json["result"].GetArray()) {
      texts.push_back(message["message"].GetString());
    }
    return texts;
  }

  // Sends, and waits until all of it is committed.
  static void SendAll(const Person& from, const Person& to,
                      const std::vector<std::string>& texts) {
    const auto socket = cluster().Connect(from);
    for (const std::string& text : texts) {
      socket->SendMessage(to.name, text);
      ASSERT_TRUE(socket->ReadJsonWith("id").HasMember("id"));
    }
  }

  // Makes the user known to Chatter.
  static void Introduce(const Person& person) {
    EXPECT_EQ(Get("/connections", {person.authorization}).status, 200);
  }
};

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

// --- GET /messages ---

TEST_P(RestContractTest, HistoryIsOldestFirstOfBothDirections) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob with space");
  Introduce(bob);
  SendAll(alice, bob, {"1", "2"});
  SendAll(bob, alice, {"3"});
  const HttpReply reply = History(alice, alice.name, bob.name);
  EXPECT_THAT(Texts(reply), ElementsAre("1", "2", "3"));
  EXPECT_EQ(History(bob, bob.name, alice.name).body, reply.body);
  const rapidjson::Document json = Parse(reply);
  const auto& first = json["result"][0];
  EXPECT_EQ(first.MemberCount(), 5u);  // no image_path
  EXPECT_GT(first["id"].GetInt64(), 0);
  EXPECT_EQ(first["username_from"].GetString(), alice.name);
  EXPECT_EQ(first["username_to"].GetString(), bob.name);
  EXPECT_THAT(first["created"].GetString(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{6}Z"));
  EXPECT_EQ(json["result"][2]["username_from"].GetString(), bob.name);
  EXPECT_LT(json["result"][0]["id"].GetInt64(), json["result"][1]["id"].GetInt64());
}

TEST_P(RestContractTest, AnImageWithoutTextHasNoMessageMember) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  const auto socket = cluster().Connect(alice);
  socket->SendText(absl::StrCat("{\"username_to\":\"", bob.name,
                                "\",\"image_path\":\"/a \\\"b\\\".png\"}"));
  socket->ReadJsonWith("id");
  const rapidjson::Document json = Parse(History(alice, alice.name, bob.name));
  ASSERT_EQ(json["result"].Size(), 1u);
  EXPECT_FALSE(json["result"][0].HasMember("message"));
  EXPECT_STREQ(json["result"][0]["image_path"].GetString(), "/a \"b\".png");
}

TEST_P(RestContractTest, AnEmptyHistoryIsAnEmptyArray) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  EXPECT_EQ(History(alice, alice.name, bob.name).body, R"({"result":[],"message":null})");
  EXPECT_EQ(History(alice, alice.name, alice.name).body,
            R"({"result":[],"message":null})");
}

TEST_P(RestContractTest, HistoryIsTheCallersOwn) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  ExpectMessage(History(alice, bob.name, alice.name), 422, "Wrong");
  ExpectMessage(History(alice, alice.name, Name("nobody")), 422, "Wrong");
  ExpectMessage(Get("/messages", {alice.authorization}), 422, "Wrong");
  ExpectMessage(Get("/messages?from=" + alice.name, {alice.authorization}), 422, "Wrong");
  ExpectMessage(Get("/messages?to=" + bob.name, {alice.authorization}), 422, "Wrong");
  ExpectMessage(Get("/messages?from=%ff&to=%fe", {alice.authorization}), 422, "Wrong");
}

TEST_P(RestContractTest, HistoryPages) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  SendAll(alice, bob, {"1", "2", "3", "4", "5"});
  const auto page = [&](const std::string& more) {
    return History(alice, alice.name, bob.name, more);
  };
  EXPECT_THAT(Texts(page("&limit=2")), ElementsAre("4", "5"));
  EXPECT_THAT(Texts(page("&limit=2&skip=1")), ElementsAre("3", "4"));
  EXPECT_THAT(Texts(page("&skip=4")), ElementsAre("1"));
  EXPECT_THAT(Texts(page("&skip=5")), IsEmpty());
  EXPECT_THAT(Texts(page("&limit=999999999")), SizeIs(5));
  const rapidjson::Document json = Parse(page(""));
  const int64_t id = json["result"][3]["id"].GetInt64();
  EXPECT_THAT(Texts(page(absl::StrCat("&limit=2&before=", id))), ElementsAre("2", "3"));
  EXPECT_THAT(Texts(page(absl::StrCat("&limit=2&skip=1&before=", id))),
              ElementsAre("1", "2"));
  for (const std::string bad : {"&limit=0", "&limit=x", "&limit=-1", "&before=0",
                                "&before=x", "&skip=-1", "&skip=99999999999999999999"}) {
    EXPECT_EQ(page(bad).status, 400) << bad;
  }
}

TEST_P(RestContractTest, HistoryHasAtMostMessagesLimit) {
  ClusterOptions options;
  options.engine = GetParam();
  options.chatd["MESSAGES_LIMIT"] = "3";
  Cluster small(options);
  const Person alice = small.NewPerson("alice", "g");
  const auto socket = small.Connect(alice);
  for (int i = 1; i <= 5; ++i) socket->SendMessage("alice", absl::StrCat(i));
  for (int i = 1; i <= 5; ++i) socket->ReadJsonWith("id");
  const auto page = [&](const std::string& more) {
    return Ask(small.port(), "GET", "/messages?from=alice&to=alice" + more,
               {alice.authorization});
  };
  EXPECT_THAT(Texts(page("")), ElementsAre("3", "4", "5"));
  EXPECT_THAT(Texts(page("&limit=100")), ElementsAre("3", "4", "5"));
  EXPECT_THAT(Texts(page("&limit=2")), ElementsAre("4", "5"));
}

TEST_P(RestContractTest, ALargeHistoryReachesASlowReaderWhole) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  constexpr int kMessages = 300;
  std::vector<std::string> texts;
  for (int i = 0; i < kMessages; ++i) {
    texts.push_back(absl::StrCat(i, std::string(60'000, 'x')));
  }
  SendAll(alice, bob, texts);
  // More than the edge lets wait for a WebSocket, to a reader with a small window.
  HttpConnection slow(port(), 4096);
  slow.tcp().Send(
      RequestText("GET", absl::StrCat("/messages?from=", alice.name, "&to=", bob.name),
                  {alice.authorization}));
  const auto reply = slow.Read();
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(Texts(*reply), texts);
  // And the connection goes on.
  EXPECT_EQ(slow.Ask("GET", "/healthz").status, 200);

  // Twice as much does not fit into one answer; what is missing is one page away.
  SendAll(alice, bob, texts);
  const HttpReply newest = History(alice, alice.name, bob.name);
  EXPECT_LT(newest.body.size(), size_t{36} << 20);
  const std::vector<std::string> newest_texts = Texts(newest);
  EXPECT_GT(newest_texts.size(), size_t{kMessages});
  EXPECT_LT(newest_texts.size(), size_t{2 * kMessages});
  const rapidjson::Document json = Parse(newest);
  const HttpReply rest =
      History(alice, alice.name, bob.name,
              absl::StrCat("&before=", json["result"][0]["id"].GetInt64()));
  EXPECT_EQ(Texts(rest).size() + newest_texts.size(), size_t{2 * kMessages});
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
