#ifndef CHATTER_TESTS_SUPPORT_REST_CONTRACT_H_
#define CHATTER_TESTS_SUPPORT_REST_CONTRACT_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "tests/support/contract_test.h"

namespace chatter::testing {

inline std::string MessageBody(const std::string& text) {
  return absl::StrCat("{\"result\":null,\"message\":[{\"message\":", JsonString(text),
                      "}]}");
}

inline void ExpectMessage(const HttpReply& reply, int status, const std::string& text) {
  EXPECT_EQ(reply.status, status);
  EXPECT_EQ(reply.body, MessageBody(text));
  EXPECT_EQ(reply.headers.at("content-type"), "application/json");
  EXPECT_EQ(reply.headers.at("cache-control"), "no-cache");
}

inline rapidjson::Document Parse(const HttpReply& reply) {
  rapidjson::Document json;
  json.Parse(reply.body);
  EXPECT_TRUE(json.IsObject() && json.HasMember("result") && json.HasMember("message"))
      << reply.body;
  return json;
}

// The endpoints over HTTP, as the contract has them.
class RestContractTest : public ContractTest {
 protected:
  static HttpReply Get(const std::string& target, const HeaderLines& headers = {}) {
    return Ask(port(), "GET", target, headers);
  }

  static HttpReply CreateUser(const std::string& body,
                              const std::string& secret = kNotificationAuth) {
    return Ask(port(), "POST", "/user", {"Authorization: " + secret}, body);
  }

  // Makes the user known to Chatter.
  static void Introduce(const Person& person) {
    EXPECT_EQ(Get("/connections", {person.authorization}).status, 200);
  }
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_REST_CONTRACT_H_
