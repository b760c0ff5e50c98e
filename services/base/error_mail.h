// Tells the operator about errors by mail.
#ifndef CHATTER_SERVICES_BASE_ERROR_MAIL_H_
#define CHATTER_SERVICES_BASE_ERROR_MAIL_H_

#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "glog/logging.h"
#include "services/base/clock.h"
#include "services/base/error_digest.h"
#include "services/base/settings.h"
#include "services/base/smtp_client.h"

namespace chatter {

// EMAIL_FROM, EMAIL_PASSWORD, EMAIL_LEVEL and EMAIL_SMTP_URL.
std::vector<Setting> EmailSettings();

// While it lives, log lines of a level and above go to the server's own address by mail:
// subject `LEVEL - chatter`, at most one a minute, which says how many lines were held
// back. A mail that cannot be sent is tried again a minute later, with what came
// meanwhile. Logging never waits for any of it; memory is bounded by ErrorDigest. Lines
// that are not yet sent at its end, or when the process crashes, are in the log alone.
class ErrorMail : public google::LogSink {
 public:
  ErrorMail(std::string_view program, SmtpServer server, google::LogSeverity level,
            const Clock& clock = Clock::Real());
  // Gives up a mail that is on its way: takes about a second at most.
  ~ErrorMail() override;

  using google::LogSink::send;  // glog's older one
  void send(google::LogSeverity severity, const char* full_filename,
            const char* base_filename, int line, const google::LogMessageTime& time,
            const char* message, size_t message_length) override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  std::string Compose(const ErrorDigest::Content& content) const;

  const std::string program_;
  const SmtpServer server_;
  const google::LogSeverity level_;
  const Clock& clock_;
  std::atomic<bool> stopping_{false};
  absl::Mutex mutex_;
  ErrorDigest digest_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;  // last: uses all of the above
};

// As the settings say; null when EMAIL_FROM is not given. kInvalidArgument, in one line.
absl::StatusOr<std::unique_ptr<ErrorMail>> StartErrorMail(std::string_view program,
                                                          const Settings& settings);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_ERROR_MAIL_H_
