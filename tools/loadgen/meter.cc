#include "tools/loadgen/meter.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace chatter::loadgen {
namespace {

ProcessUse Difference(const ProcessUse& before, ProcessUse after) {
  after.cpu_ns -= before.cpu_ns;
  after.voluntary_switches -= before.voluntary_switches;
  after.involuntary_switches -= before.involuntary_switches;
  return after;
}

}  // namespace

Meter::Meter(EventLoop& loop, const Options& options, std::string unit,
             std::string latency, Report& report)
    : loop_(loop), options_(options), report_(report), generator_{"loadgen", getpid()} {
  report_.unit = std::move(unit);
  report_.latencies.push_back({std::move(latency), {}});
}

absl::Status Meter::WarmUp() {
  const int64_t begin = Now();
  return RunSeconds(begin, begin + options_.warmup_ns, /*measured=*/false, nullptr);
}

absl::Status Meter::Measure(int64_t duration, const std::function<bool()>& done) {
  const absl::StatusOr<Snapshot> before = TakeSnapshot();
  if (!before.ok()) return before.status();
  count_ = 0;
  second_.Clear();
  begin_ = Now();
  end_ = begin_ + duration;
  const absl::Status ran = RunSeconds(begin_, end_, /*measured=*/true, done);
  end_ = std::min(end_, Now());
  const absl::StatusOr<Snapshot> after = TakeSnapshot();
  if (after.ok()) FillReport(*before, *after);
  return ran.ok() ? after.status() : ran;
}

absl::Status Meter::RunSeconds(int64_t begin, int64_t end, bool measured,
                               const std::function<bool()>& done) {
  absl::StatusOr<std::vector<int64_t>> cpu = TakeCpu();
  if (!cpu.ok()) return cpu.status();
  cpu_ = *std::move(cpu);
  counted_ = count_;
  bool over = begin >= end;
  while (!over) {
    const int64_t next = std::min(begin + kSecond, end);
    over = loop_.RunUntil([&] { return done != nullptr && done(); }, next) || next == end;
    const absl::Status ended = EndSecond(begin, measured);
    if (!loop_.failure().ok()) return loop_.failure();
    if (!ended.ok()) return ended;
    begin = next;
  }
  return absl::OkStatus();
}

absl::Status Meter::EndSecond(int64_t begin, bool measured) {
  const double seconds = static_cast<double>(Now() - begin) / kSecond;
  const int64_t count = count_ - counted_;
  counted_ = count_;
  const Second second{seconds, count, second_.Quantile(0.5), second_.Quantile(0.99),
                      second_.max()};
  std::string line =
      absl::StrFormat("%.0f %s/s", static_cast<double>(count) / seconds, report_.unit);
  if (measured) {
    report_.series.push_back(second);
    line = absl::StrFormat("%3d s: %s", report_.series.size(), line);
  } else {
    line = absl::StrCat("warming up: ", line);
  }
  if (second_.count() > 0) {
    absl::StrAppend(&line, ", p50 ", FormatDuration(second.p50_ns), ", p99 ",
                    FormatDuration(second.p99_ns), ", max ",
                    FormatDuration(second.max_ns));
  }
  if (measured) Collect();
  absl::StatusOr<std::vector<int64_t>> cpu = TakeCpu();
  if (!cpu.ok()) return cpu.status();
  absl::StrAppend(&line, "; cores:");
  for (size_t i = 0; i < cpu->size(); ++i) {
    const std::string& name =
        i < options_.servers.size() ? options_.servers[i].name : generator_.name;
    absl::StrAppendFormat(&line, " %s %.2f", name,
                          static_cast<double>((*cpu)[i] - cpu_[i]) / kSecond / seconds);
  }
  cpu_ = *std::move(cpu);
  std::fprintf(stderr, "%s\n", line.c_str());
  return absl::OkStatus();
}

void Meter::Collect() {
  report_.latencies[0].histogram.Add(second_);
  second_.Clear();
}

absl::StatusOr<Meter::Snapshot> Meter::TakeSnapshot() const {
  Snapshot snapshot;
  for (const NamedPid& server : options_.servers) {
    const absl::StatusOr<ProcessUse> use = UseOf(server);
    if (!use.ok()) return use.status();
    snapshot.servers.push_back(*use);
  }
  const absl::StatusOr<ProcessUse> use = UseOf(generator_);
  if (!use.ok()) return use.status();
  snapshot.generator = *use;
  snapshot.machine = UseOfMachine();
  return snapshot;
}

absl::StatusOr<std::vector<int64_t>> Meter::TakeCpu() const {
  std::vector<int64_t> cpu;
  for (const NamedPid& server : options_.servers) {
    const absl::StatusOr<int64_t> used = CpuOf(server);
    if (!used.ok()) return used.status();
    cpu.push_back(*used);
  }
  const absl::StatusOr<int64_t> used = CpuOf(generator_);
  if (!used.ok()) return used.status();
  cpu.push_back(*used);
  return cpu;
}

void Meter::FillReport(const Snapshot& before, const Snapshot& after) {
  report_.count = count_;
  report_.seconds = static_cast<double>(end_ - begin_) / kSecond;
  for (size_t i = 0; i < after.servers.size(); ++i) {
    report_.servers.push_back(Difference(before.servers[i], after.servers[i]));
  }
  report_.generator = Difference(before.generator, after.generator);
  report_.machine = {after.machine.total_ticks - before.machine.total_ticks,
                     after.machine.idle_ticks - before.machine.idle_ticks,
                     after.machine.stolen_ticks - before.machine.stolen_ticks};
}

}  // namespace chatter::loadgen
