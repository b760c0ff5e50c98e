// Holds README.md to what the programs do: its grpcurl calls work as printed, and its
// tables have every setting, error code and close code.
#include <cctype>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "edge/ws/close_codes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/protocol.h"
#include "tests/reflection/reflection_client.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

std::string Readme() {
  std::ifstream file("README.md");
  EXPECT_TRUE(file.good());
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// Splits a command as a shell does, as far as the README goes: quotes, and $VARIABLES
// within double ones.
std::vector<std::string> ShellWords(const std::string& line,
                                    const std::map<std::string, std::string>& variables) {
  std::vector<std::string> words;
  std::string word;
  char quote = 0;
  for (size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == 0 && c == ' ') {
      if (!word.empty()) words.push_back(word);
      word.clear();
    } else if (c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == '$' && quote != '\'') {
      size_t end = i + 1;
      while (end < line.size() && (std::isupper(line[end]) != 0 || line[end] == '_')) {
        ++end;
      }
      word += variables.at(line.substr(i + 1, end - i - 1));
      i = end - 1;
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(word);
  return words;
}

struct GrpcurlCall {
  std::multimap<std::string, std::string> metadata;
  std::string data = "{}";
  std::vector<std::string> arguments;  // behind the address
};

GrpcurlCall ParseGrpcurl(const std::vector<std::string>& words) {
  GrpcurlCall call;
  for (size_t i = 1; i < words.size(); ++i) {
    if (words[i] == "-H") {
      const std::pair<std::string, std::string> header =
          absl::StrSplit(words[++i], absl::MaxSplits(": ", 1));
      call.metadata.insert(header);
    } else if (words[i] == "-d") {
      call.data = words[++i];
    } else if (words[i] != "-plaintext" && words[i] != "localhost:50051") {
      call.arguments.push_back(words[i]);
    }
  }
  return call;
}

TEST(ReadmeTest, ItsGrpcurlCallsWorkAsPrinted) {
  Cluster cluster((ClusterOptions()));
  ReflectionClient client(cluster.chat_target());
  std::string last;
  int calls = 0;
  const std::vector<std::string> lines = absl::StrSplit(Readme(), '\n');
  for (const std::string& line : lines) {
    if (!absl::StartsWith(line, "grpcurl ")) continue;
    ++calls;
    const GrpcurlCall call =
        ParseGrpcurl(ShellWords(line, {{"SERVICE_AUTH", kServiceAuth}}));
    ASSERT_FALSE(call.arguments.empty()) << line;
    if (call.arguments[0] == "list") {
      EXPECT_THAT(
          client.ListServices(),
          ::testing::IsSupersetOf({"chatter.v1.ChatService", "chatter.v1.EdgeService",
                                   "grpc.health.v1.Health"}));
    } else if (call.arguments[0] == "describe") {
      EXPECT_THAT(client.Describe(call.arguments[1]), HasSubstr("rpc SendMessage("));
    } else {
      const auto reply = client.Call(call.arguments[0], call.data, call.metadata);
      EXPECT_TRUE(reply.status.ok()) << line << "\n" << reply.status.error_message();
      last += reply.json;
    }
  }
  EXPECT_GE(calls, 8);
  EXPECT_THAT(last, HasSubstr("SERVING"));
  EXPECT_THAT(last, HasSubstr("\"text\":\"hello\""));
  EXPECT_THAT(last, HasSubstr("\"username\":\"bob\""));
}

TEST(ReadmeTest, EveryServiceIsDescribed) {
  Cluster cluster((ClusterOptions()));
  ReflectionClient client(cluster.chat_target());
  for (const std::string& service : client.ListServices()) {
    EXPECT_THAT(client.Describe(service), HasSubstr("rpc ")) << service;
  }
  EXPECT_EQ(client.Describe("chatter.v1.Nothing"), "");
}

TEST(ReadmeTest, ItHasEverySettingWithItsDefault) {
  const std::string readme = Readme();
  for (const std::string program :
       {"services/chat/chatd", "edge/edged", "services/identity/identityd",
        "services/notification/notificationd"}) {
    // Help goes to stdout; the shell sends it where a test reads.
    const auto help = Process::Start({{"sh", "-c", program + " --help >&2"}, {}, ""});
    EXPECT_EQ(help->Wait(kTestDeadline), 0);
    // "  PORT, --port", and its meaning with "(default: 80)" in the next line.
    const std::vector<std::string> lines = absl::StrSplit(help->Output(), '\n');
    int settings = 0;
    for (size_t i = 0; i + 1 < lines.size(); ++i) {
      const size_t comma = lines[i].find(", --");
      if (comma == std::string::npos) continue;
      ++settings;
      const std::string name = lines[i].substr(2, comma - 2);
      const size_t row_start = readme.find(absl::StrCat("\n| `", name, "` |"));
      ASSERT_NE(row_start, std::string::npos) << program << ": " << name;
      const std::string row =
          readme.substr(row_start + 1, readme.find('\n', row_start + 1) - row_start);
      EXPECT_THAT(row, AnyOf(HasSubstr(program.substr(program.rfind('/') + 1)),
                             HasSubstr("| all |")));
      const size_t default_start = lines[i + 1].rfind("(default: ");
      if (default_start == std::string::npos) continue;  // required
      const std::string default_value = lines[i + 1].substr(
          default_start + 10,
          lines[i + 1].find_first_of(";)", default_start) - default_start - 10);
      if (default_value != "none") {
        EXPECT_THAT(row, HasSubstr(absl::StrCat("`", default_value, "`")));
      }
    }
    EXPECT_GE(settings, 2) << help->Output();
  }
}

TEST(ReadmeTest, ItHasEveryCode) {
  const std::string readme = Readme();
  for (const std::string_view code :
       {error_code::kWrongSender, error_code::kUnknownRecipient,
        error_code::kEmptyMessage, error_code::kBadFrame, error_code::kTooLong,
        error_code::kOverloaded, error_code::kRateLimited, error_code::kUnavailable,
        error_code::kUnknownOutcome}) {
    EXPECT_THAT(readme, HasSubstr("| `" + std::string(code) + "` |"));
  }
  namespace close = edge::close_code;
  for (const int code : {close::kGoingAway, close::kProtocolError, close::kInvalidPayload,
                         close::kPolicyViolation, close::kMessageTooBig,
                         close::kServiceRestart, close::kTryAgainLater}) {
    EXPECT_THAT(readme, HasSubstr(absl::StrCat(code)));
  }
}

}  // namespace
}  // namespace chatter::testing
