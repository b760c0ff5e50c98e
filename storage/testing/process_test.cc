#include "storage/testing/process.h"

#include "gtest/gtest.h"

namespace chatter::testing {
namespace {

constexpr absl::Duration kDeadline = absl::Minutes(1);

TEST(ProcessTest, HasTheWholeOutputOfOneThatHasEnded) {
  // What is written last comes after the shell's own end.
  const auto process =
      Process::Start({{"sh", "-c", "(sleep 0.1; echo last >&2) & exit 3"}, {}, ""});
  EXPECT_EQ(process->Wait(kDeadline), 3);
  EXPECT_EQ(process->Output(), "last\n");
}

}  // namespace
}  // namespace chatter::testing
