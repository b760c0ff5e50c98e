#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/http_load.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/pairs.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

// Below what a session may have unanswered.
constexpr int64_t kMessagesAtOnce = 100;

class IgnoreDeliveries : public Pairs::Observer {
 public:
  void OnDelivered(const Flow&, int64_t) override {}
};

// Makes each pair's conversation at least `messages` long, with 0 as long as it is.
absl::Status Fill(EventLoop& loop, const Options& options, int64_t messages,
                  std::vector<User>& users) {
  IgnoreDeliveries ignore;
  Pairs pairs(loop, options, ignore);
  absl::Status status = pairs.Open();
  while (status.ok() && messages > 0) {
    const int64_t some = std::min(messages, kMessagesAtOnce);
    for (const auto& flow : pairs.flows()) flow->Send(some);
    messages -= some;
    status = pairs.Drain();
  }
  users = pairs.users();
  return status;
}

// How many messages a history's answer holds: our texts have no such member.
int CountMessages(std::string_view body) {
  constexpr std::string_view kId = "\"id\":";
  int count = 0;
  for (size_t at = body.find(kId); at != body.npos; at = body.find(kId, at + 1)) ++count;
  return count;
}

}  // namespace

absl::Status RunHistory(EventLoop& loop, const Options& options, Report& report) {
  // As many conversations as can be asked for at a time.
  Options fill = options;
  fill.pairs = std::min(options.pairs, options.clients);
  fill.both_ways = false;
  report.title = absl::StrCat("history: the last ", options.limit, " messages of ",
                              fill.pairs, " conversations, from ", options.clients,
                              " connections, ", options.text_bytes, " bytes");
  Meter meter(loop, options, "requests", "asked to answered", report);
  std::vector<User> users;
  const absl::Status filled = Fill(loop, fill, options.fill ? options.limit : 0, users);
  if (!filled.ok()) return filled;
  std::vector<std::string> requests;
  for (int i = 0; i < options.clients; ++i) {
    const size_t first = 2 * static_cast<size_t>(i % fill.pairs);
    requests.push_back(
        RequestText(options.edge,
                    absl::StrCat("/messages?from=", users[first].name,
                                 "&to=", users[first + 1].name, "&limit=", options.limit),
                    users[first].bearer));
  }
  const auto check = [&options](std::string_view body) {
    const int count = CountMessages(body);
    if (count == options.limit) return absl::OkStatus();
    return absl::DataLossError(
        absl::StrCat("a history has ", count, " messages, not ", options.limit));
  };
  return RunHttpLoad(loop, options, requests, check, meter);
}

}  // namespace chatter::loadgen
