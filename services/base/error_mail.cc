#include "services/base/error_mail.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace chatter {
namespace {

constexpr std::pair<std::string_view, google::LogSeverity> kLevels[] = {
    {"warning", google::GLOG_WARNING},
    {"error", google::GLOG_ERROR},
};

// What this thread logs is about mails: a mail about it would bring the next one.
thread_local bool sends_mails = false;

std::string HostName() {
  char name[256] = "";
  if (gethostname(name, sizeof(name) - 1) != 0) return "an unnamed host";
  return name;
}

bool IsMailAddress(const std::string& text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c > ' ' && c <= '~' && c != '<' && c != '>';
  });
  return plain && std::count(text.begin(), text.end(), '@') == 1 && text.front() != '@' &&
         text.back() != '@';
}

}  // namespace

std::vector<Setting> EmailSettings() {
  using Kind = Setting::Kind;
  Setting level{"EMAIL_LEVEL", Kind::kChoice, "error", "the least that is worth a mail"};
  for (const auto& [name, severity] : kLevels) level.choices.push_back(name);
  return {
      {"EMAIL_FROM", Kind::kText, "",
       "errors are mailed from this address to itself; none: no mails"},
      {"EMAIL_PASSWORD", Kind::kSecret, "", "EMAIL_FROM's password at the mail server"},
      level,
      {"EMAIL_SMTP_URL", Kind::kText, "smtp://smtp.gmail.com:587",
       "the mail server: smtp:// (STARTTLS is a must) or smtps://"},
  };
}

ErrorMail::ErrorMail(std::string_view program, SmtpServer server,
                     google::LogSeverity level, const Clock& clock)
    : program_(program),
      server_(std::move(server)),
      level_(level),
      clock_(clock),
      thread_([this] { Work(); }) {
  google::AddLogSink(this);
}

ErrorMail::~ErrorMail() {
  google::RemoveLogSink(this);
  {
    absl::MutexLock lock(&mutex_);
    stopping_ = true;
  }
  thread_.join();
}

void ErrorMail::send(google::LogSeverity severity, const char* /*full_filename*/,
                     const char* base_filename, int line,
                     const google::LogMessageTime& time, const char* message,
                     size_t message_length) {
  if (severity < level_ || sends_mails) return;
  const std::string text =
      ToString(severity, base_filename, line, time, message, message_length);
  absl::MutexLock lock(&mutex_);
  digest_.Add(severity, text);
}

void ErrorMail::Work() {
  sends_mails = true;
  const auto has_work = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return stopping_ || digest_.due() <= clock_.Uptime();
  };
  while (true) {
    ErrorDigest::Content content;
    {
      absl::MutexLock lock(&mutex_);
      while (!has_work()) {
        mutex_.AwaitWithTimeout(absl::Condition(&has_work),
                                digest_.due() - clock_.Uptime());
      }
      if (stopping_) return;
      content = digest_.Take(clock_.Uptime());
    }
    const absl::Status sent = SendMail(server_, Compose(content), stopping_);
    if (sent.ok()) continue;
    if (!stopping_) LOG(WARNING) << "could not send a mail: " << sent.message();
    absl::MutexLock lock(&mutex_);
    digest_.PutBack(std::move(content));
  }
}

// RFC 5322.
std::string ErrorMail::Compose(const ErrorDigest::Content& content) const {
  const absl::Time now = clock_.Now();
  std::string mail = absl::StrCat(
      "From: <", server_.address, ">\r\nTo: <", server_.address,
      ">\r\nSubject: ", google::GetLogSeverityName(content.severity),
      " - chatter\r\nDate: ",
      absl::FormatTime("%a, %d %b %Y %H:%M:%S +0000", now, absl::UTCTimeZone()),
      "\r\nMessage-ID: <", absl::ToUnixNanos(now), ".", getpid(), "@chatter>",
      "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: 8bit\r\n\r\n",
      program_, " on ", HostName(), ":\r\n\r\n");
  for (const std::string& line : content.lines) {
    // A line end of its own would otherwise go out as a bare LF.
    absl::StrAppend(&mail, absl::StrReplaceAll(line, {{"\r", ""}, {"\n", "\r\n"}}),
                    "\r\n");
  }
  if (content.held_back > 0) {
    absl::StrAppend(&mail, "\r\n", content.held_back,
                    " more lines were held back: see the log.\r\n");
  }
  return mail;
}

absl::StatusOr<std::unique_ptr<ErrorMail>> StartErrorMail(std::string_view program,
                                                          const Settings& settings) {
  if (!settings.IsGiven("EMAIL_FROM")) return nullptr;
  SmtpServer server{settings.Text("EMAIL_SMTP_URL"), settings.Text("EMAIL_FROM"),
                    settings.Text("EMAIL_PASSWORD"), ""};
  if (!IsMailAddress(server.address)) {
    return absl::InvalidArgumentError(
        absl::StrCat("EMAIL_FROM is '", server.address, "': want one mail address"));
  }
  if (!absl::StartsWith(server.url, "smtp://") &&
      !absl::StartsWith(server.url, "smtps://")) {
    return absl::InvalidArgumentError(absl::StrCat(
        "EMAIL_SMTP_URL is '", server.url, "': want smtp://host:port or smtps://…"));
  }
  google::LogSeverity level = google::GLOG_ERROR;
  for (const auto& [name, severity] : kLevels) {
    if (settings.Text("EMAIL_LEVEL") == name) level = severity;
  }
  return std::make_unique<ErrorMail>(program, std::move(server), level);
}

}  // namespace chatter
