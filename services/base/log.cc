#include "services/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "rapidjson/stringbuffer.h"
#include "rapidjson/writer.h"
#include "services/base/absl_view.h"
#include "services/base/rfc3339.h"
#include "services/base/utf8.h"

namespace chatter {
namespace {

thread_local std::string_view current_request;

std::string LevelName(google::LogSeverity severity) {
  return absl::AsciiStrToLower(google::GetLogSeverityName(severity));
}

std::string Utf8(std::string_view text) {
  std::string valid(text);
  if (!CountCharacters(valid).has_value()) {
    std::replace_if(
        valid.begin(), valid.end(), [](char c) { return (c & 0x80) != 0; }, '?');
  }
  return valid;
}

class StderrSink : public google::LogSink {
 public:
  StderrSink(std::string_view program, bool json) : program_(program), json_(json) {}

  // The other overload is glog's older one.
  using google::LogSink::send;
  void send(google::LogSeverity severity, const char* /*full_filename*/,
            const char* base_filename, int line, const google::LogMessageTime& time,
            const char* message, size_t message_length) override {
    const LogEvent event{severity, base_filename, line, time, {message, message_length}};
    const std::string text = json_ ? JsonLogLine(event, program_, current_request)
                                   : TextLogLine(event, current_request);
    // A log that cannot be written has nowhere to say so.
    [[maybe_unused]] const ssize_t written =
        write(STDERR_FILENO, text.data(), text.size());
  }

 private:
  const std::string program_;
  const bool json_;
};

}  // namespace

std::vector<Setting> LogSettings() {
  Setting level{"LOG_LEVEL", Setting::Kind::kChoice, "info",
                "the least that is worth a line"};
  level.choices = {"info", "warning", "error"};
  Setting format{"LOG_FORMAT", Setting::Kind::kChoice, "text",
                 "how a line of the log looks"};
  format.choices = {"text", "json"};
  return {level, format};
}

void StartLogging(std::string_view program, const Settings& settings) {
  for (google::LogSeverity level = google::GLOG_INFO; level <= google::GLOG_ERROR;
       ++level) {
    if (settings.Text("LOG_LEVEL") == LevelName(level)) FLAGS_minloglevel = level;
  }
  // Until the process ends. In place of glog's own lines, in files and on stderr; what
  // kills the process glog still prints with its stack.
  static auto* const sink =
      new StderrSink(program, settings.Text("LOG_FORMAT") == "json");
  google::AddLogSink(sink);
  for (google::LogSeverity level = google::GLOG_INFO; level < google::NUM_SEVERITIES;
       ++level) {
    google::SetLogDestination(level, "");
  }
  google::SetStderrLogging(google::GLOG_FATAL);
  FLAGS_logtostderr = false;
}

RequestScope::RequestScope(std::string_view id) : outer_(current_request) {
  current_request = id;
}

RequestScope::~RequestScope() { current_request = outer_; }

std::string_view RequestScope::current() { return current_request; }

bool IsRequestId(std::string_view text) {
  constexpr size_t kMaxCharacters = 64;
  return !text.empty() && text.size() <= kMaxCharacters &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' ||
                  c == '_' || c == '-';
         });
}

std::string TextLogLine(const LogEvent& event, std::string_view request_id) {
  std::string message =
      absl::StrReplaceAll(AbslView(event.message), {{"\n", "\\n"}, {"\r", "\\r"}});
  if (!request_id.empty()) {
    message = absl::StrCat("[", AbslView(request_id), "] ", message);
  }
  return google::LogSink::ToString(event.severity, event.file, event.line, event.time,
                                   message.data(), message.size()) +
         "\n";
}

std::string JsonLogLine(const LogEvent& event, std::string_view program,
                        std::string_view request_id) {
  std::string time;
  AppendRfc3339(int64_t{event.time.timestamp()} * 1'000'000 + event.time.usec(), time);
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> json(buffer);
  const auto member = [&json](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value);
  };
  json.StartObject();
  member("time", time);
  member("level", LevelName(event.severity));
  member("program", std::string(program));
  member("where", absl::StrCat(event.file, ":", event.line));
  if (!request_id.empty()) member("request", std::string(request_id));
  member("message", Utf8(event.message));
  json.EndObject();
  return absl::StrCat(buffer.GetString(), "\n");
}

}  // namespace chatter
