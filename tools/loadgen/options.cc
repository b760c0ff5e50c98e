#include "tools/loadgen/options.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/old_frames.h"

namespace chatter::loadgen {
namespace {

constexpr size_t kMaxPrefix = 32;
// Each of them sees each.
constexpr int kMaxPresenceUsers = 5000;

// What a workload has when the operator says 0.
struct Defaults {
  int rate = 2000;
  int users = 100;
  int clients = 16;
  int group_size = 2;
};

Defaults DefaultsOf(const std::string& workload) {
  Defaults defaults;
  if (workload == "storm") {
    defaults.users = 5000;
    defaults.clients = 32;
  } else if (workload == "churn") {
    defaults.rate = 50;
  } else if (workload == "history" || workload == "rest") {
    defaults.clients = 8;
  } else if (workload == "presence") {
    defaults.users = 200;
    defaults.group_size = 200;
  }
  return defaults;
}

Setting Integer(std::string_view name, std::string_view default_value,
                std::string_view meaning, int64_t min, int64_t max) {
  Setting setting{name, Setting::Kind::kInteger, default_value, meaning};
  setting.min = min;
  setting.max = max;
  return setting;
}

bool IsPlain(char c) {
  return absl::ascii_islower(static_cast<unsigned char>(c)) ||
         absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '_';
}

int IntOf(const Settings& settings, std::string_view name, int when_zero = 0) {
  const int64_t value = settings.Integer(name);
  return value == 0 ? when_zero : static_cast<int>(value);
}

}  // namespace

const std::vector<Setting>& SettingsTable() {
  using Kind = Setting::Kind;
  static const auto& table = *new std::vector<Setting>([] {
    Setting workload{"WORKLOAD", Kind::kChoice, "", "what to do"};
    workload.required = true;
    workload.choices = {"dm",      "rate", "idle",  "storm",    "fanout",
                        "history", "rest", "churn", "presence", "notify"};
    return std::vector<Setting>{
        workload,
        {"EDGE", Kind::kText, "127.0.0.1:8080", "edged, on this machine"},
        {"UACL", Kind::kText, "127.0.0.1:8081",
         "the stand-in for uacl, where users sign up"},
        {"NOTIF", Kind::kText, "127.0.0.1:8082", "notify: the stand-in for notif"},
        {"UACL_DATA", Kind::kText, "",
         "that stand-in's DATA_DIR, filled by make_accounts: signs the tokens itself"},
        {"USER_PREFIX", Kind::kText, "load",
         "of the names of users: small letters, digits and '_'"},
        Integer("GROUP_SIZE", "0", "users in one group; 0: 2, but all for presence", 0,
                100'000),
        Integer("DURATION", "10", "what is measured, in seconds", 1, 3600),
        Integer("WARMUP", "2", "seconds of load before that", 0, 600),
        {"SERVER_PIDS", Kind::kText, "",
         "whose CPU and memory to measure: edged:123,chatd:456,postgres:789; with their "
         "children"},
        Integer("ADDRESSES", "0",
                "addresses from 127.0.0.1 on that CLIENTS share; 0: one for 20,000 "
                "connections",
                0, 250),
        Integer("PAIRS", "50", "dm, rate, history, notify: pairs of users", 1, 10'000),
        Integer("WINDOW", "1",
                "dm, fanout: messages of each sender not yet at the recipient", 1,
                100'000),
        Integer("BOTH_WAYS", "0", "dm, rate: 1: both of a pair send", 0, 1),
        Integer("SIZE", "100", "a text's size in bytes", NumberedText::kDigits, 60'000),
        Integer("RATE", "0", "rate: messages; churn: sessions a second; 0: 2000, 50", 0,
                1'000'000),
        Integer("USERS", "0",
                "idle, storm, presence: users; 0: 100 idle, 5000 storm, 200 presence", 0,
                100'000),
        Integer("CLIENTS", "0",
                "who connect or ask at the same time; churn: users; 0: 32 storm, 8 "
                "history and rest, else 16",
                0, 10'000),
        Integer("CONNECTIONS", "1000", "idle: connections", 1, 1'000'000),
        Integer("DEVICES", "10", "fanout: sessions of the one user", 1, 10'000),
        Integer("MESSAGES", "3",
                "churn: messages in each session; notify: of each sender", 0, 1000),
        Integer("LIMIT", "50", "history: messages in one answer", 1, 1000),
        Integer("FILL", "1", "history: 0: the conversations are there, write nothing", 0,
                1),
        Integer("LEAVE", "1", "presence: 0: nobody leaves", 0, 1),
        {"REQUEST", Kind::kText, "/connections", "rest: what is asked for"},
        {"JSON", Kind::kText, "", "a file for the results"},
        {"PLOT", Kind::kText, "", "an SVG file for throughput and latency over time"},
    };
  }());
  return table;
}

absl::StatusOr<Target> ParseTarget(std::string_view name, std::string_view text) {
  Target target;
  target.text = std::string(text);
  target.address.sin_family = AF_INET;
  const size_t colon = target.text.rfind(':');
  const std::string host = target.text.substr(0, colon);
  int port = 0;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(target.text.substr(colon + 1), &port) || port < 1 ||
      port > 65535 ||
      inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(),
                &target.address.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        AbslView(name), " is '", target.text, "': want an address like 127.0.0.1:8080"));
  }
  if (ntohl(target.address.sin_addr.s_addr) >> 24 != 127) {
    return absl::InvalidArgumentError(
        absl::StrCat(AbslView(name), " is '", target.text,
                     "': only this machine (127.0.0.0/8) may be loaded"));
  }
  target.address.sin_port = htons(static_cast<uint16_t>(port));
  return target;
}

absl::StatusOr<std::vector<NamedPid>> ParsePids(const std::vector<std::string>& list) {
  std::vector<NamedPid> pids;
  for (const std::string& item : list) {
    const size_t colon = item.find(':');
    NamedPid named{item.substr(0, colon), 0};
    if (colon == std::string::npos || named.name.empty() ||
        !absl::SimpleAtoi(item.substr(colon + 1), &named.pid) || named.pid < 1) {
      return absl::InvalidArgumentError(
          absl::StrCat("SERVER_PIDS has '", item, "': want <name>:<pid>"));
    }
    pids.push_back(std::move(named));
  }
  return pids;
}

absl::StatusOr<Options> ReadOptions(const Settings& settings) {
  Options options;
  options.workload = settings.Text("WORKLOAD");
  const Defaults defaults = DefaultsOf(options.workload);
  absl::StatusOr<Target> edge = ParseTarget("EDGE", settings.Text("EDGE"));
  if (!edge.ok()) return edge.status();
  options.edge = *std::move(edge);
  absl::StatusOr<Target> uacl = ParseTarget("UACL", settings.Text("UACL"));
  if (!uacl.ok()) return uacl.status();
  options.uacl = *std::move(uacl);
  absl::StatusOr<Target> notif = ParseTarget("NOTIF", settings.Text("NOTIF"));
  if (!notif.ok()) return notif.status();
  options.notif = *std::move(notif);
  absl::StatusOr<std::vector<NamedPid>> servers = ParsePids(settings.List("SERVER_PIDS"));
  if (!servers.ok()) return servers.status();
  options.servers = *std::move(servers);
  options.uacl_data = settings.Text("UACL_DATA");
  options.user_prefix = settings.Text("USER_PREFIX");
  if (options.user_prefix.size() > kMaxPrefix ||
      !std::all_of(options.user_prefix.begin(), options.user_prefix.end(), IsPlain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("USER_PREFIX is '", options.user_prefix, "': want at most ",
                     kMaxPrefix, " small letters, digits and '_'"));
  }
  options.duration_ns = settings.Integer("DURATION") * kSecond;
  options.warmup_ns = settings.Integer("WARMUP") * kSecond;
  options.addresses = IntOf(settings, "ADDRESSES");
  options.pairs = IntOf(settings, "PAIRS");
  options.window = IntOf(settings, "WINDOW");
  options.both_ways = settings.Integer("BOTH_WAYS") == 1;
  options.text_bytes = static_cast<size_t>(settings.Integer("SIZE"));
  options.rate = IntOf(settings, "RATE", defaults.rate);
  options.users = IntOf(settings, "USERS", defaults.users);
  options.clients = IntOf(settings, "CLIENTS", defaults.clients);
  options.connections = IntOf(settings, "CONNECTIONS");
  options.devices = IntOf(settings, "DEVICES");
  options.messages = IntOf(settings, "MESSAGES");
  options.limit = IntOf(settings, "LIMIT");
  options.fill = settings.Integer("FILL") == 1;
  options.leave = settings.Integer("LEAVE") == 1;
  options.group_size = IntOf(settings, "GROUP_SIZE", defaults.group_size);
  if (options.workload == "presence") {
    if (options.users > kMaxPresenceUsers) {
      return absl::InvalidArgumentError(absl::StrCat("USERS is ", options.users,
                                                     ": want at most ", kMaxPresenceUsers,
                                                     " for presence"));
    }
    options.group_size = options.users;
  }
  options.request = settings.Text("REQUEST");
  if (options.request.empty() || options.request[0] != '/' ||
      !std::all_of(options.request.begin(), options.request.end(), absl::ascii_isgraph)) {
    return absl::InvalidArgumentError("REQUEST: want a path, like /connections");
  }
  options.json_file = settings.Text("JSON");
  options.plot_file = settings.Text("PLOT");
  return options;
}

}  // namespace chatter::loadgen
