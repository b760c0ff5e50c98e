// What our log lines look like, and which are written.
#ifndef CHATTER_SERVICES_BASE_LOG_H_
#define CHATTER_SERVICES_BASE_LOG_H_

#include <string>
#include <string_view>
#include <vector>

#include "glog/logging.h"
#include "services/base/settings.h"

namespace chatter {

// LOG_LEVEL and LOG_FORMAT, for every program's table.
std::vector<Setting> LogSettings();

// From now on what is logged goes to stderr as the settings say: an event a line, in one
// write, with the id of the request that the thread works for. After InitProcess, before
// other threads are started. Once.
void StartLogging(std::string_view program, const Settings& settings);

// Which request this thread works for while the object lives: what is logged meanwhile
// says so. The id must outlive it; "" is none. Scopes may nest.
class RequestScope {
 public:
  explicit RequestScope(std::string_view id);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  // Of this thread's innermost scope.
  static std::string_view current();

 private:
  const std::string_view outer_;
};

// What names a request in the logs of all programs: 1 to 64 letters, digits, '.', '_' and
// '-'. Whoever asks may give it.
bool IsRequestId(std::string_view text);
// gRPC metadata, as HTTP's header X-Request-Id.
inline constexpr char kRequestIdMetadata[] = "x-request-id";

// One event of glog's.
struct LogEvent {
  google::LogSeverity severity;
  const char* file;  // without its folder
  int line;
  const google::LogMessageTime& time;
  std::string_view message;
};

// The line, with its end. Line ends within the message are escaped.
std::string TextLogLine(const LogEvent& event, std::string_view request_id);
// {"time","level","program","where","request","message"}; "request" only when there is
// one. What is not UTF-8 in the message is replaced.
std::string JsonLogLine(const LogEvent& event, std::string_view program,
                        std::string_view request_id);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_LOG_H_
