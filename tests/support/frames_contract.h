#ifndef CHATTER_TESTS_SUPPORT_FRAMES_CONTRACT_H_
#define CHATTER_TESTS_SUPPORT_FRAMES_CONTRACT_H_

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/contract_test.h"

namespace chatter::testing {

// Sessions that speak the old frames, as the contract has them.
class FramesContractTest : public ContractTest {
 protected:
  using Socket = std::unique_ptr<WebSocketClient>;

  static Socket Connect(const Person& person) { return cluster().Connect(person); }

  // Makes the user known to Chatter.
  static Person Introduce(const Person& person) {
    EXPECT_EQ(Ask(port(), "GET", "/connections", {person.authorization}).status, 200);
    return person;
  }

  // In a group without anybody else.
  static Person NewLoner(const std::string& person) {
    return Introduce(cluster().NewPerson(Name(person), Name(person).substr(0, 56)));
  }

  static void ExpectError(WebSocketClient& socket, const std::string& code) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("error")) << "wanted " << code;
    EXPECT_EQ(json["error"]["code"].GetString(), code);
    EXPECT_GT(json["error"]["message"].GetStringLength(), 0u);
    EXPECT_FALSE(json.HasMember("username"));
  }

  static void ExpectMessage(WebSocketClient& socket, const std::string& from,
                            const std::string& to, const std::string& text) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("message")) << "wanted " << text;
    EXPECT_EQ(json["username_from"].GetString(), from);
    EXPECT_EQ(json["username_to"].GetString(), to);
    EXPECT_EQ(json["message"].GetString(), text);
  }

  static void ExpectPresence(WebSocketClient& socket, const std::string& user,
                             bool active) {
    const rapidjson::Document json = socket.ReadJson();
    ASSERT_TRUE(json.HasMember("username")) << "wanted " << user;
    EXPECT_EQ(json["username"].GetString(), user);
    EXPECT_EQ(json["active"].GetBool(), active);
    EXPECT_EQ(json.MemberCount(), 2u);
  }

  // Whether the session still works: a bad frame is answered with an error.
  static void ExpectAlive(WebSocketClient& socket) {
    socket.SendText("{}");
    ExpectError(socket, "unknown_recipient");
  }

  static size_t HistorySize(const Person& who, const std::string& with) {
    const HttpReply reply =
        Ask(port(), "GET", absl::StrCat("/messages?from=", who.name, "&to=", with),
            {who.authorization});
    rapidjson::Document json;
    json.Parse(reply.body);
    return json["result"].Size();
  }
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_FRAMES_CONTRACT_H_
