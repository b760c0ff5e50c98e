#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "services/base/clock.h"
#include "services/identity/identity_provider.h"
#include "services/identity/jwt_expiry.h"

namespace chatter::identity {
namespace {

// Answers when the test says so.
class FakeProvider : public IdentityProvider {
 public:
  void Verify(const std::string& authorization, Done done) override {
    asked.push_back(authorization);
    waiting.push_back(std::move(done));
  }
  void Answer(const absl::StatusOr<Identity>& identity) {
    const Done done = std::move(waiting.front());
    waiting.pop_front();
    done(identity);
  }

  std::vector<std::string> asked;
  std::deque<Done> waiting;
};

class CachingProviderTest : public ::testing::Test {
 protected:
  CachingProviderTest() {
    auto fake = std::make_unique<FakeProvider>();
    fake_ = fake.get();
    provider_ = MakeCachingProvider(std::move(fake), metrics_, clock_);
  }

  // A header whose JWT ends this much later.
  std::string Header(absl::Duration valid_for, const std::string& user = "alice") {
    const std::string claims =
        absl::StrCat("{\"exp\":", absl::ToUnixSeconds(clock_.Now() + valid_for),
                     ",\"user\":\"", user, "\"}");
    return absl::StrCat("Bearer e30.", absl::WebSafeBase64Escape(claims), ".sig");
  }

  // How it went, once it has been answered.
  void Ask(const std::string& header) {
    provider_->Verify(header, [this](const absl::StatusOr<Identity>& identity) {
      answers_.push_back(identity);
    });
  }

  FakeClock clock_;
  IdentityMetrics metrics_;
  FakeProvider* fake_;
  std::unique_ptr<IdentityProvider> provider_;
  std::vector<absl::StatusOr<Identity>> answers_;
};

TEST_F(CachingProviderTest, RemembersForSixtySeconds) {
  const std::string header = Header(absl::Hours(1));
  Ask(header);
  fake_->Answer(Identity{"alice", "Alice", "g"});
  clock_.Advance(absl::Seconds(59));
  Ask(header);
  ASSERT_EQ(answers_.size(), 2u);
  EXPECT_EQ(answers_[1]->username, "alice");
  EXPECT_EQ(answers_[1]->user_group, "g");
  EXPECT_EQ(fake_->asked.size(), 1u);
  EXPECT_EQ(metrics_.cache_hits.value(), 1u);
  EXPECT_EQ(metrics_.cache_misses.value(), 1u);
  clock_.Advance(absl::Seconds(1));
  Ask(header);
  EXPECT_EQ(fake_->asked.size(), 2u);
  EXPECT_EQ(answers_.size(), 2u);
}

TEST_F(CachingProviderTest, NeverPastTheEndOfTheToken) {
  const std::string header = Header(absl::Seconds(10));
  Ask(header);
  fake_->Answer(Identity{"alice", "", ""});
  clock_.Advance(absl::Seconds(10));
  Ask(header);
  EXPECT_EQ(fake_->asked.size(), 2u);
}

TEST_F(CachingProviderTest, AsksOnceForEqualCallsInFlight) {
  const std::string header = Header(absl::Hours(1));
  for (int i = 0; i < 3; ++i) Ask(header);
  Ask(Header(absl::Hours(1), "bob"));
  EXPECT_EQ(fake_->asked.size(), 2u);
  fake_->Answer(Identity{"alice", "", ""});
  ASSERT_EQ(answers_.size(), 3u);
  fake_->Answer(Identity{"bob", "", ""});
  ASSERT_EQ(answers_.size(), 4u);
  EXPECT_EQ(answers_[3]->username, "bob");
}

TEST_F(CachingProviderTest, DoesNotRememberRefusalsNorFailures) {
  const std::string header = Header(absl::Hours(1));
  for (const absl::Status& status :
       {absl::UnauthenticatedError("no"), absl::UnavailableError("away")}) {
    Ask(header);
    fake_->Answer(status);
    EXPECT_EQ(answers_.back().status(), status);
  }
  EXPECT_EQ(fake_->asked.size(), 2u);
}

TEST_F(CachingProviderTest, DoesNotRememberWhatHasNoEndThatCanBeRead) {
  for (int i = 0; i < 2; ++i) {
    Ask("Bearer nonsense");
    fake_->Answer(Identity{"alice", "", ""});
  }
  EXPECT_EQ(fake_->asked.size(), 2u);
}

TEST_F(CachingProviderTest, EqualCallsThatWaitHaveABound) {
  const std::string header = Header(absl::Hours(1));
  for (int i = 0; i < 1001; ++i) Ask(header);
  ASSERT_EQ(answers_.size(), 1u);
  EXPECT_TRUE(absl::IsResourceExhausted(answers_[0].status()));
  fake_->Answer(Identity{"alice", "", ""});
  EXPECT_EQ(answers_.size(), 1001u);
}

TEST(JwtExpiryTest, ReadsExpAndNothingElse) {
  const auto header = [](const std::string& claims) {
    return absl::StrCat("Bearer e30.", absl::WebSafeBase64Escape(claims), ".sig");
  };
  EXPECT_EQ(JwtExpiry(header(R"({"exp":1700000000})")),
            absl::FromUnixSeconds(1'700'000'000));
  for (const std::string& bad :
       {header("{}"), header("[]"), header("x"), header(R"({"exp":"soon"})"),
        std::string("Bearer "), std::string("Bearer a.b"), std::string("Bearer a.!.c"),
        std::string()}) {
    EXPECT_EQ(JwtExpiry(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace chatter::identity
