#include "tools/standins/uacl.h"

#include <gtest/gtest.h>
#include <httplib.h>
#include <rapidjson/document.h>

#include <filesystem>
#include <future>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tools/standins/http_service.h"

namespace chatter::standins {
namespace {

std::unique_ptr<Uacl> MustStart(UaclOptions options = {}) {
  absl::StatusOr<std::unique_ptr<Uacl>> uacl = Uacl::Start(std::move(options));
  EXPECT_TRUE(uacl.ok()) << uacl.status();
  return *std::move(uacl);
}

std::string Bearer(const std::string& token) { return "Bearer " + token; }

class UaclTest : public ::testing::Test {
 protected:
  httplib::Client Client() const { return httplib::Client("127.0.0.1", uacl_->port()); }

  httplib::Result SignUp(const std::string& body) {
    return Client().Post("/user", body, "application/json");
  }

  // The token, or the empty string.
  std::string LogIn(const std::string& username, const std::string& password) {
    const auto answer =
        Client().Post("/login",
                      absl::StrCat(R"({"username":")", username, R"(","password":")",
                                   password, R"("})"),
                      "application/json");
    if (!answer || answer->status != 200) return "";
    rapidjson::Document json;
    json.Parse(answer->body);
    return json["result"]["token"].GetString();
  }

  int Authorize(const std::string& header) {
    const auto answer = Client().Get("/authorize", {{"Authorization", header}});
    return answer ? answer->status : 0;
  }

  std::unique_ptr<Uacl> uacl_ = MustStart();
};

TEST_F(UaclTest, SignsUpLogsInAndAuthorizes) {
  const auto created = SignUp(
      R"({"username":"Ann_1","password":"secret","name":"Ann","user_group":"red"})");
  ASSERT_TRUE(created);
  EXPECT_EQ(created->status, 201);
  EXPECT_EQ(created->body, R"({"result":null,"message":[{"message":"Created user"}]})");

  const std::string token = LogIn("ANN_1", "secret");
  const auto who = Client().Get("/authorize", {{"Authorization", Bearer(token)}});
  ASSERT_TRUE(who);
  EXPECT_EQ(who->status, 200);
  EXPECT_EQ(
      who->body,
      R"({"result":{"name":"Ann","username":"ann_1","user_group":"red"},"message":null})");
  EXPECT_EQ(uacl_->authorize_calls(), 1);
}

TEST_F(UaclTest, RefusesWrongPasswordsAndUnknownUsers) {
  ASSERT_EQ(SignUp(R"({"username":"ann","password":"secret"})")->status, 201);
  EXPECT_EQ(LogIn("ann", "Secret"), "");
  EXPECT_EQ(LogIn("bob", "secret"), "");
  uacl_->AddUser("carl", "red");
  EXPECT_EQ(LogIn("carl", ""), "");
}

TEST_F(UaclTest, RefusesBadSignUps) {
  const std::string long_name(101, 'a');
  for (const std::string& body : {
           std::string("not json"),
           std::string("[]"),
           std::string(R"({"username":"an","password":"secret"})"),
           absl::StrCat(R"({"username":")", long_name, R"(","password":"secret"})"),
           std::string(R"({"username":"ann!","password":"secret"})"),
           std::string(R"({"username":"änn","password":"secret"})"),
           std::string(R"({"username":"ann","password":""})"),
           std::string(R"({"username":"ann","password":7})"),
           std::string(R"({"username":"ann"})"),
       }) {
    const auto answer = SignUp(body);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 400) << body;
  }
  ASSERT_EQ(SignUp(R"({"username":"ann","password":"secret"})")->status, 201);
  const auto again = SignUp(R"({"username":"ANN","password":"other"})");
  EXPECT_EQ(again->status, 400);
  EXPECT_EQ(again->body,
            R"({"result":null,"message":[{"message":"Username already exists"}]})");
}

TEST_F(UaclTest, RefusesBadTokens) {
  const std::string token = uacl_->AddUser("ann", "red");
  EXPECT_EQ(Authorize(Bearer(token)), 200);
  EXPECT_EQ(Authorize(token), 401);
  EXPECT_EQ(Authorize(""), 401);
  EXPECT_EQ(Authorize("Bearer a.b.c"), 401);
  EXPECT_EQ(Authorize(Bearer(uacl_->AddUser("ann", "red", absl::Seconds(-1)))), 401);
  // Signed by another uacl.
  EXPECT_EQ(Authorize(Bearer(MustStart()->AddUser("ann", "red"))), 401);
  // The claims of one token under the signature of another.
  const std::string other = uacl_->AddUser("bob", "red");
  EXPECT_EQ(Authorize(Bearer(absl::StrCat(token.substr(0, token.rfind('.')),
                                          other.substr(other.rfind('.'))))),
            401);
  EXPECT_EQ(uacl_->authorize_calls(), 7);
}

TEST_F(UaclTest, AuthorizesWithTheGroupOfNow) {
  const std::string token = uacl_->AddUser("ann", "red");
  uacl_->AddUser("ann", "blue");
  const auto who = Client().Get("/authorize", {{"Authorization", Bearer(token)}});
  ASSERT_TRUE(who);
  EXPECT_EQ(
      who->body,
      R"({"result":{"name":"ann","username":"ann","user_group":"blue"},"message":null})");
}

TEST_F(UaclTest, FailsAsTold) {
  const std::string header = Bearer(uacl_->AddUser("ann", "red"));
  uacl_->SetFailing(true);
  EXPECT_EQ(Authorize(header), 500);
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  uacl_->SetFailing(false);
  EXPECT_EQ(Authorize(header), 200);
}

TEST_F(UaclTest, HoldsAnswersUntilTheDelayChanges) {
  const std::string header = Bearer(uacl_->AddUser("ann", "red"));
  uacl_->SetDelay(absl::InfiniteDuration());
  auto held = std::async(std::launch::async, [&] { return Authorize(header); });
  while (uacl_->authorize_calls() == 0) std::this_thread::yield();
  EXPECT_EQ(Client().Get("/healthz")->status, 200);
  EXPECT_NE(held.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  uacl_->SetDelay(absl::ZeroDuration());
  EXPECT_EQ(held.get(), 200);
}

TEST_F(UaclTest, IsOpenToPagesOfAnyOrigin) {
  httplib::Client client = Client();
  const auto preflight = client.Options("/login");
  ASSERT_TRUE(preflight);
  EXPECT_EQ(preflight->status, 200);
  EXPECT_EQ(preflight->get_header_value("Access-Control-Allow-Origin"), "*");
  EXPECT_NE(
      preflight->get_header_value("Access-Control-Allow-Headers").find("Authorization"),
      std::string::npos);
  EXPECT_EQ(client.Get("/authorize")->get_header_value("Access-Control-Allow-Origin"),
            "*");
}

TEST_F(UaclTest, AnswersUnknownPathsInTheEnvelope) {
  const auto answer = Client().Get("/nothing");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 404);
  EXPECT_EQ(answer->body, R"({"result":null,"message":[{"message":"Not found"}]})");
}

TEST_F(UaclTest, RefusesATakenPort) {
  UaclOptions options;
  options.port = uacl_->port();
  EXPECT_TRUE(absl::IsUnavailable(Uacl::Start(options).status()));
}

TEST_F(UaclTest, TellsChatterOfNewAccounts) {
  std::promise<std::pair<std::string, std::string>> told;
  HttpService chatter;
  chatter.Post(
      "/user", [&](const httplib::Request& request, httplib::Response& response) {
        told.set_value({request.get_header_value("Authorization"), request.body});
        AnswerMessage(response, 400, "Not authorised");
      });
  ASSERT_TRUE(chatter.Start("127.0.0.1", 0).ok());
  UaclOptions options;
  options.chatter_url = absl::StrCat("http://127.0.0.1:", chatter.port());
  options.chatter_secret = "the secret";
  uacl_ = MustStart(options);

  // Whatever Chatter answers.
  EXPECT_EQ(SignUp(R"({"username":"Ann","password":"x","user_group":"red"})")->status,
            201);
  const auto [secret, body] = told.get_future().get();
  EXPECT_EQ(secret, "the secret");
  rapidjson::Document json;
  json.Parse(body);
  EXPECT_STREQ(json["username"].GetString(), "ann");
  EXPECT_STREQ(json["user_group"].GetString(), "red");
  EXPECT_TRUE(json.HasMember("password"));
}

TEST(UaclDataTest, AccountsAndTokensOutliveARestart) {
  UaclOptions options;
  options.data_dir = absl::StrCat(::testing::TempDir(), "/uacl");
  std::filesystem::remove_all(options.data_dir);
  std::string token;
  const std::string credentials = R"({"username":"ann","password":"secret"})";
  {
    const auto uacl = MustStart(options);
    httplib::Client client("127.0.0.1", uacl->port());
    ASSERT_EQ(client.Post("/user", credentials, "application/json")->status, 201);
    rapidjson::Document json;
    json.Parse(client.Post("/login", credentials, "application/json")->body);
    token = json["result"]["token"].GetString();
  }
  const auto uacl = MustStart(options);
  httplib::Client client("127.0.0.1", uacl->port());
  EXPECT_EQ(client.Get("/authorize", {{"Authorization", Bearer(token)}})->status, 200);
  EXPECT_EQ(client.Post("/login", credentials, "application/json")->status, 200);
  EXPECT_EQ(std::filesystem::status(options.data_dir + "/uacl_key.pem").permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(UaclDataTest, SaysWhenItsDataIsBad) {
  UaclOptions options;
  options.data_dir = absl::StrCat(::testing::TempDir(), "/bad_uacl");
  std::filesystem::create_directories(options.data_dir);
  std::ofstream(options.data_dir + "/users.json") << "{}";
  EXPECT_TRUE(absl::IsDataLoss(Uacl::Start(options).status()));
}

}  // namespace
}  // namespace chatter::standins
