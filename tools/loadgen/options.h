#ifndef CHATTER_TOOLS_LOADGEN_OPTIONS_H_
#define CHATTER_TOOLS_LOADGEN_OPTIONS_H_

#include <netinet/in.h>
#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "services/base/settings.h"

namespace chatter::loadgen {

// An address that the generator may load: of this machine only.
struct Target {
  sockaddr_in address = {};
  std::string text;  // host:port
};

struct NamedPid {
  std::string name;
  pid_t pid;
};

// What loadgen can be told: SettingsTable().
struct Options {
  std::string workload;
  Target edge;
  Target uacl;
  Target notif;
  std::string uacl_data;
  std::string user_prefix;
  int group_size;
  int64_t duration_ns;
  int64_t warmup_ns;
  std::vector<NamedPid> servers;
  int addresses;
  int pairs;
  int window;
  bool both_ways;
  size_t text_bytes;
  int rate;  // a second
  int users;
  int clients;
  int connections;
  int devices;
  int messages;
  int limit;
  bool fill;
  bool leave;
  std::string request;
  std::string json_file;
  std::string plot_file;
};

const std::vector<Setting>& SettingsTable();

// Fills in what is the workload's own when nothing is said. INVALID_ARGUMENT in one line.
absl::StatusOr<Options> ReadOptions(const Settings& settings);

// "127.0.0.1:8080". INVALID_ARGUMENT for any address but the loopback's. `name` is that
// of the setting.
absl::StatusOr<Target> ParseTarget(std::string_view name, std::string_view text);

// "edged:123,postgres:456", as a list.
absl::StatusOr<std::vector<NamedPid>> ParsePids(const std::vector<std::string>& list);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_OPTIONS_H_
