#ifndef CHATTER_TESTS_SUPPORT_CONTRACT_TEST_H_
#define CHATTER_TESTS_SUPPORT_CONTRACT_TEST_H_

#include <map>
#include <memory>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {

// What holds for both engines. Tests share one cluster an engine, and have users and a
// group of their own; one that needs more makes a cluster for itself.
class ContractTest : public ::testing::TestWithParam<Engine> {
 protected:
  static void TearDownTestSuite() { clusters().clear(); }

  static Cluster& cluster() {
    std::unique_ptr<Cluster>& cluster = clusters()[GetParam()];
    if (cluster == nullptr) {
      ClusterOptions options;
      options.engine = GetParam();
      // Some write more at once than a user may by default.
      options.chatd["MESSAGE_RATE"] = "1000";
      options.edged["ALLOWED_ORIGINS"] = "https://app.example,https://other.example";
      cluster = std::make_unique<Cluster>(options);
    }
    return *cluster;
  }
  static int port() { return cluster().port(); }

  // Usernames and groups that no other test has.
  static std::string Name(const std::string& person) {
    return absl::StrCat(person, "_", absl::AsciiStrToLower(TestName()));
  }
  static std::string Group() { return TestName().substr(0, 56); }
  static Person NewPerson(const std::string& person) {
    return cluster().NewPerson(Name(person), Group());
  }

 private:
  static std::string TestName() {
    const auto* const info = ::testing::UnitTest::GetInstance()->current_test_info();
    const std::string name = info->name();
    return name.substr(0, name.find('/'));
  }
  static std::map<Engine, std::unique_ptr<Cluster>>& clusters() {
    static auto& clusters = *new std::map<Engine, std::unique_ptr<Cluster>>;
    return clusters;
  }
};

}  // namespace chatter::testing

// On both engines.
#define CHATTER_INSTANTIATE_CONTRACT_TEST(Suite)                \
  INSTANTIATE_TEST_SUITE_P(                                     \
      Engines, Suite,                                           \
      ::testing::Values(::chatter::testing::Engine::kSqlite,    \
                        ::chatter::testing::Engine::kPostgres), \
      [](const auto& parameter) { return ::chatter::testing::NameOf(parameter.param); })

#endif  // CHATTER_TESTS_SUPPORT_CONTRACT_TEST_H_
