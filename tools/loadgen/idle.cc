#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tools/loadgen/crowd.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/process_sampler.h"
#include "tools/loadgen/session_opener.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

class Idle : public Crowd::Observer {
 public:
  Idle(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        meter_(loop, options, "pings", "", report),
        crowd_(loop, static_cast<size_t>(options.connections), *this) {
    report.title = absl::StrCat("idle: ", options.connections, " connections of ",
                                options.users, " users");
  }

  absl::Status Run() {
    const absl::StatusOr<std::vector<User>> users =
        PrepareUsers(loop_, options_, options_.users);
    if (!users.ok()) return users.status();
    // The first ones make the servers allocate what they need but once.
    const size_t first = crowd_.size() / 10;
    std::vector<Opening> openings;
    const auto add = [&](size_t i) {
      openings.push_back({(*users)[i % users->size()], crowd_.client(i)});
    };
    for (size_t i = 0; i < first; ++i) add(i);
    absl::Status status = OpenSessions(loop_, options_, openings, options_.clients);
    if (!status.ok()) return status;
    const absl::StatusOr<std::vector<ProcessMemory>> before = TakeMemory();
    if (!before.ok()) return before.status();
    openings.clear();
    for (size_t i = first; i < crowd_.size(); ++i) add(i);
    status = OpenSessions(loop_, options_, openings, options_.clients);
    if (!status.ok()) return status;
    status = meter_.WarmUp();
    if (!status.ok()) return status;
    const absl::StatusOr<std::vector<ProcessMemory>> after = TakeMemory();
    if (!after.ok()) return after.status();
    for (size_t i = 0; i < after->size(); ++i) {
      AddFigures((*before)[i], (*after)[i], static_cast<double>(openings.size()));
    }
    return meter_.Measure(options_.duration_ns);
  }

  void OnPing() override { meter_.Count(); }

 private:
  absl::StatusOr<std::vector<ProcessMemory>> TakeMemory() const {
    std::vector<ProcessMemory> memory;
    for (const NamedPid& server : options_.servers) {
      absl::StatusOr<ProcessMemory> used = MemoryOf(server);
      if (!used.ok()) return used.status();
      memory.push_back(*std::move(used));
    }
    return memory;
  }

  void AddFigures(const ProcessMemory& before, const ProcessMemory& after,
                  double connections) {
    const auto each = [&](const char* kind, int64_t first, int64_t last) {
      report_.figures.push_back(
          {absl::StrCat(after.name, "_", kind, "_bytes_each"),
           static_cast<double>(last - first) / connections, "bytes",
           absl::StrCat(after.name, ", ", kind, " memory for each connection (",
                        first >> 10, " KB before, ", last >> 10, " after)")});
    };
    each("private", before.private_bytes, after.private_bytes);
    each("pss", before.pss_bytes, after.pss_bytes);
    each("rss", before.rss_bytes, after.rss_bytes);
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Meter meter_;
  Crowd crowd_;
};

}  // namespace

absl::Status RunIdle(EventLoop& loop, const Options& options, Report& report) {
  return Idle(loop, options, report).Run();
}

}  // namespace chatter::loadgen
