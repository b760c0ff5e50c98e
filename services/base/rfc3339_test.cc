#include "services/base/rfc3339.h"

#include <random>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

std::string Format(int64_t micros) {
  std::string text;
  AppendRfc3339(micros, text);
  return text;
}

TEST(Rfc3339Test, AlwaysHasMicrosecondsAndUtc) {
  EXPECT_EQ(Format(0), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(Format(1'700'000'000'000'001), "2023-11-14T22:13:20.000001Z");
  EXPECT_EQ(Format(951'782'400'000'000), "2000-02-29T00:00:00.000000Z");
  EXPECT_EQ(Format(-1), "1969-12-31T23:59:59.999999Z");
}

TEST(Rfc3339Test, AgreesWithAbseilOnEveryDate) {
  std::mt19937_64 random(7);
  const int64_t year0 = absl::ToUnixMicros(
      absl::FromCivil(absl::CivilSecond(0, 1, 1), absl::UTCTimeZone()));
  const int64_t year10000 = absl::ToUnixMicros(
      absl::FromCivil(absl::CivilSecond(10000, 1, 1), absl::UTCTimeZone()));
  std::uniform_int_distribution<int64_t> any(year0, year10000 - 1);
  for (int i = 0; i < 20'000; ++i) {
    const int64_t micros = any(random);
    ASSERT_EQ(Format(micros),
              absl::FormatTime("%E4Y-%m-%dT%H:%M:%E6SZ", absl::FromUnixMicros(micros),
                               absl::UTCTimeZone()));
  }
}

TEST(Rfc3339Test, Appends) {
  std::string text = "x";
  AppendRfc3339(0, text);
  EXPECT_EQ(text.size(), 1 + kRfc3339Size);
}

}  // namespace
}  // namespace chatter
