// contract.md: GET /messages.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/rest_contract.h"

namespace chatter::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

std::string UrlEncode(const std::string& text) {
  return absl::StrReplaceAll(text, {{" ", "%20"}, {"&", "%26"}, {"+", "%2B"}});
}

class HistoryContractTest : public RestContractTest {
 protected:
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
};

CHATTER_INSTANTIATE_CONTRACT_TEST(HistoryContractTest);

// --- GET /messages ---

TEST_P(HistoryContractTest, HistoryIsOldestFirstOfBothDirections) {
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

TEST_P(HistoryContractTest, AnImageWithoutTextHasNoMessageMember) {
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

TEST_P(HistoryContractTest, AnEmptyHistoryIsAnEmptyArray) {
  const Person alice = NewPerson("alice");
  const Person bob = NewPerson("bob");
  Introduce(bob);
  EXPECT_EQ(History(alice, alice.name, bob.name).body, R"({"result":[],"message":null})");
  EXPECT_EQ(History(alice, alice.name, alice.name).body,
            R"({"result":[],"message":null})");
}

TEST_P(HistoryContractTest, HistoryIsTheCallersOwn) {
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

TEST_P(HistoryContractTest, HistoryPages) {
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

TEST_P(HistoryContractTest, HistoryHasAtMostMessagesLimit) {
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

TEST_P(HistoryContractTest, ALargeHistoryReachesASlowReaderWhole) {
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

}  // namespace
}  // namespace chatter::testing
