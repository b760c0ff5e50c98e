#include "services/base/error_digest.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace chatter {
namespace {

using ::testing::ElementsAre;
using ::testing::SizeIs;

TEST(ErrorDigestTest, TheFirstLineGoesAtOnceTheNextAfterAMinute) {
  ErrorDigest digest;
  EXPECT_EQ(digest.due(), absl::InfiniteDuration());
  digest.Add(google::GLOG_ERROR, "one");
  EXPECT_LE(digest.due(), absl::ZeroDuration());
  EXPECT_THAT(digest.Take(absl::Seconds(100)).lines, ElementsAre("one"));
  EXPECT_EQ(digest.due(), absl::InfiniteDuration());
  digest.Add(google::GLOG_ERROR, "two");
  EXPECT_EQ(digest.due(), absl::Seconds(160));
}

TEST(ErrorDigestTest, HoldsAFewLinesAndCountsTheOthers) {
  ErrorDigest digest;
  digest.Add(google::GLOG_WARNING, std::string(10'000, 'x'));
  for (int i = 1; i < 1000; ++i) digest.Add(google::GLOG_ERROR, "line");
  const ErrorDigest::Content content = digest.Take(absl::ZeroDuration());
  EXPECT_THAT(content.lines, SizeIs(ErrorDigest::kMaxLines));
  EXPECT_THAT(content.lines[0], SizeIs(ErrorDigest::kMaxLineBytes));
  EXPECT_EQ(content.held_back, 1000 - ErrorDigest::kMaxLines);
  EXPECT_EQ(content.severity, google::GLOG_ERROR);
}

TEST(ErrorDigestTest, CutsBetweenCharacters) {
  ErrorDigest digest;
  const std::string fill(ErrorDigest::kMaxLineBytes - 1, 'x');
  digest.Add(google::GLOG_ERROR, fill + "\u00E4");
  digest.Add(google::GLOG_ERROR, fill + "xx");
  EXPECT_THAT(digest.Take(absl::ZeroDuration()).lines, ElementsAre(fill, fill + "x"));
}

TEST(ErrorDigestTest, WhatCouldNotBeToldComesFirstInTheNextOne) {
  ErrorDigest digest;
  digest.Add(google::GLOG_ERROR, "old");
  ErrorDigest::Content untold = digest.Take(absl::ZeroDuration());
  digest.Add(google::GLOG_WARNING, "new");
  digest.PutBack(untold);
  untold = digest.Take(absl::ZeroDuration());
  EXPECT_THAT(untold.lines, ElementsAre("old", "new"));
  EXPECT_EQ(untold.severity, google::GLOG_ERROR);

  for (int i = 0; i < 60; ++i) digest.Add(google::GLOG_ERROR, "more");
  digest.PutBack(untold);
  const ErrorDigest::Content all = digest.Take(absl::ZeroDuration());
  EXPECT_THAT(all.lines, SizeIs(ErrorDigest::kMaxLines));
  EXPECT_EQ(all.lines[1], "new");
  EXPECT_EQ(all.held_back, 62 - ErrorDigest::kMaxLines);
}

}  // namespace
}  // namespace chatter
