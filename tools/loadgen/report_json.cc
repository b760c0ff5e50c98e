#include <unistd.h>

#include <algorithm>

#include "rapidjson/prettywriter.h"
#include "rapidjson/stringbuffer.h"
#include "tools/loadgen/report.h"

namespace chatter::loadgen {
namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void Member(Writer& writer, const char* name, double value) {
  writer.Key(name);
  writer.Double(value);
}

void Member(Writer& writer, const char* name, int64_t value) {
  writer.Key(name);
  writer.Int64(value);
}

void Member(Writer& writer, const char* name, const std::string& value) {
  writer.Key(name);
  writer.String(value);
}

double Micros(int64_t ns) { return static_cast<double>(ns) / 1e3; }

void WriteLatency(const Latency& latency, Writer& writer) {
  const Histogram& histogram = latency.histogram;
  writer.StartObject();
  Member(writer, "what", latency.what);
  Member(writer, "count", histogram.count());
  Member(writer, "mean_us", histogram.mean() / 1e3);
  Member(writer, "p50_us", Micros(histogram.Quantile(0.5)));
  Member(writer, "p90_us", Micros(histogram.Quantile(0.9)));
  Member(writer, "p99_us", Micros(histogram.Quantile(0.99)));
  Member(writer, "p999_us", Micros(histogram.Quantile(0.999)));
  Member(writer, "max_us", Micros(histogram.max()));
  writer.EndObject();
}

void WriteUse(const Report& report, const ProcessUse& use, Writer& writer) {
  const auto count = static_cast<double>(std::max<int64_t>(report.count, 1));
  writer.StartObject();
  Member(writer, "name", use.name);
  Member(writer, "pid", static_cast<int64_t>(use.pid));
  Member(writer, "cpu_s", static_cast<double>(use.cpu_ns) / 1e9);
  Member(writer, "cpu_us_each", Micros(use.cpu_ns) / count);
  Member(writer, "voluntary_switches_each",
         static_cast<double>(use.voluntary_switches) / count);
  Member(writer, "involuntary_switches_each",
         static_cast<double>(use.involuntary_switches) / count);
  writer.EndObject();
}

void WriteSecond(const Second& second, Writer& writer) {
  writer.StartObject();
  Member(writer, "seconds", second.seconds);
  Member(writer, "count", second.count);
  Member(writer, "p50_us", Micros(second.p50_ns));
  Member(writer, "p99_us", Micros(second.p99_ns));
  Member(writer, "max_us", Micros(second.max_ns));
  writer.EndObject();
}

template <typename Items, typename Write>
void WriteArray(const char* name, const Items& items, Writer& writer, Write write) {
  writer.Key(name);
  writer.StartArray();
  for (const auto& item : items) write(item);
  writer.EndArray();
}

}  // namespace

std::string ReportToJson(const Report& report) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartObject();
  Member(writer, "title", report.title);
  Member(writer, "unit", report.unit);
  Member(writer, "count", report.count);
  Member(writer, "seconds", report.seconds);
  Member(writer, "each_second",
         report.seconds == 0 ? 0.0 : static_cast<double>(report.count) / report.seconds);
  WriteArray("latencies", report.latencies, writer, [&](const Latency& latency) {
    if (latency.histogram.count() > 0) WriteLatency(latency, writer);
  });
  writer.Key("figures");
  writer.StartObject();
  for (const Figure& figure : report.figures) {
    Member(writer, figure.name.c_str(), figure.value);
  }
  writer.EndObject();
  WriteArray("servers", report.servers, writer,
             [&](const ProcessUse& use) { WriteUse(report, use, writer); });
  writer.Key("generator");
  WriteUse(report, report.generator, writer);
  writer.Key("machine");
  writer.StartObject();
  const auto ticks =
      static_cast<double>(std::max<int64_t>(report.machine.total_ticks, 1));
  Member(writer, "processors", static_cast<int64_t>(sysconf(_SC_NPROCESSORS_ONLN)));
  Member(writer, "busy", 1 - static_cast<double>(report.machine.idle_ticks) / ticks);
  Member(writer, "stolen", static_cast<double>(report.machine.stolen_ticks) / ticks);
  writer.EndObject();
  WriteArray("series", report.series, writer,
             [&](const Second& second) { WriteSecond(second, writer); });
  Member(writer, "failure", std::string(report.outcome.message()));
  writer.EndObject();
  return std::string(buffer.GetString()) + "\n";
}

}  // namespace chatter::loadgen
