#include "tools/standins/notif.h"

#include <httplib.h>
#include <openssl/crypto.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "tools/standins/files.h"
#include "tools/standins/http_service.h"

namespace chatter::standins {
namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

// The members of the JSON that are strings.
constexpr std::pair<const char*, std::string Notification::*> kTexts[] = {
    {"username", &Notification::username},
    {"type", &Notification::type},
    {"title", &Notification::title},
    {"message", &Notification::message},
    {"link", &Notification::link},
    {"username_to", &Notification::username_to},
    {"created_at", &Notification::created_at},
};

absl::StatusOr<Notification> FromJson(const rapidjson::Value& json) {
  if (!json.IsObject()) {
    return absl::InvalidArgumentError("Body is not a JSON object");
  }
  Notification notification;
  for (const auto& [name, text] : kTexts) {
    const auto member = json.FindMember(name);
    if (member == json.MemberEnd() || !member->value.IsString()) {
      return absl::InvalidArgumentError(absl::StrCat(name, " must be a string"));
    }
    (notification.*text)
        .assign(member->value.GetString(), member->value.GetStringLength());
  }
  const auto seen = json.FindMember("seen");
  if (seen == json.MemberEnd() || !seen->value.IsBool()) {
    return absl::InvalidArgumentError("seen must be true or false");
  }
  notification.seen = seen->value.GetBool();
  return notification;
}

void WriteJson(Writer& writer, const Notification& notification) {
  writer.StartObject();
  for (const auto& [name, text] : kTexts) {
    writer.Key(name);
    writer.String(notification.*text);
  }
  writer.Key("seen");
  writer.Bool(notification.seen);
  writer.EndObject();
}

std::string Line(const Notification& notification) {
  rapidjson::StringBuffer buffer;
  Writer writer(buffer);
  WriteJson(writer, notification);
  return absl::StrCat(buffer.GetString(), "\n");
}

class NotifService : public Notif {
 public:
  explicit NotifService(NotifOptions options)
      : options_(std::move(options)),
        path_(options_.data_dir.empty() ? ""
                                        : options_.data_dir + "/notifications.jsonl") {
    http_.Post(
        "/notification",
        [this](const auto& request, auto& response) { Take(request, response); },
        &calls_);
    http_.Get("/notification",
              [this](const auto& request, auto& response) { List(request, response); });
    http_.Get("/notification/count",
              [this](const auto&, auto& response) { Count(response); });
  }

  ~NotifService() override {
    http_.Stop();
    if (file_ != nullptr) std::fclose(file_);
  }

  absl::Status Open() {
    absl::Status loaded = Load();
    if (!loaded.ok()) return loaded;
    return http_.Start(options_.host, options_.port);
  }

  int port() const override { return http_.port(); }

  std::vector<Notification> received() const override {
    absl::MutexLock lock(&mutex_);
    return {kept_.begin(), kept_.end()};
  }

  bool WaitFor(int64_t count, absl::Duration timeout) override {
    absl::MutexLock lock(&mutex_);
    const auto enough = [this, count] {
      mutex_.AssertReaderHeld();
      return taken_ >= count;
    };
    return mutex_.AwaitWithTimeout(absl::Condition(&enough), timeout);
  }

  int64_t calls() const override { return calls_.load(); }
  void SetDelay(absl::Duration delay) override { http_.SetDelay(delay); }
  void SetFailing(bool failing) override { SetStatus(failing ? 500 : 0); }
  void SetStatus(int status) override { http_.SetStatus(status); }

 private:
  void Take(const httplib::Request& request, httplib::Response& response) {
    const std::string given = request.get_header_value("Authorization");
    if (options_.secret.empty() || given.size() != options_.secret.size() ||
        CRYPTO_memcmp(given.data(), options_.secret.data(), given.size()) != 0) {
      return AnswerMessage(response, 401, "Not authorised");
    }
    rapidjson::Document json;
    json.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
        request.body);
    if (json.HasParseError()) return AnswerMessage(response, 400, "Body is not JSON");
    absl::StatusOr<Notification> notification = FromJson(json);
    if (!notification.ok()) {
      return AnswerMessage(response, 400, notification.status().message());
    }
    const absl::Status stored = Store(*std::move(notification));
    if (!stored.ok()) return AnswerMessage(response, 500, stored.message());
    AnswerMessage(response, 201, "Created notification");
  }

  absl::Status Store(Notification notification) {
    absl::MutexLock lock(&mutex_);
    if (file_ != nullptr) {
      const std::string line = Line(notification);
      if (std::fwrite(line.data(), 1, line.size(), file_) != line.size() ||
          std::fflush(file_) != 0) {
        return absl::DataLossError("Cannot store the notification");
      }
      ++lines_;
    }
    kept_.push_back(std::move(notification));
    ++taken_;
    if (kept_.size() > options_.max_notifications) kept_.pop_front();
    if (lines_ > 2 * options_.max_notifications) return Rewrite();
    return absl::OkStatus();
  }

  // One notification a line. A last line that is torn was never answered.
  absl::Status Load() {
    if (path_.empty()) return absl::OkStatus();
    const absl::StatusOr<std::string> content = ReadFile(path_);
    if (!content.ok() && !absl::IsNotFound(content.status())) return content.status();
    absl::MutexLock lock(&mutex_);
    if (content.ok()) {
      for (const absl::string_view line : absl::StrSplit(*content, '\n')) {
        rapidjson::Document json;
        json.Parse(line.data(), line.size());
        if (json.HasParseError()) continue;
        absl::StatusOr<Notification> notification = FromJson(json);
        if (!notification.ok()) continue;
        kept_.push_back(*std::move(notification));
        if (kept_.size() > options_.max_notifications) kept_.pop_front();
      }
    }
    return Rewrite();
  }

  // Makes the file what is kept, and opens it for what comes.
  absl::Status Rewrite() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (file_ != nullptr) std::fclose(std::exchange(file_, nullptr));
    std::string content;
    for (const Notification& notification : kept_) content += Line(notification);
    absl::Status written = WriteFile(path_, content);
    if (!written.ok()) return written;
    file_ = std::fopen(path_.c_str(), "ae");
    if (file_ == nullptr) return absl::ErrnoToStatus(errno, absl::StrCat("open ", path_));
    lines_ = kept_.size();
    return absl::OkStatus();
  }

  void List(const httplib::Request& request, httplib::Response& response) {
    if (!request.has_param("username")) {
      return AnswerMessage(response, 400, "username is missing");
    }
    const std::string username = request.get_param_value("username");
    rapidjson::StringBuffer buffer;
    Writer writer(buffer);
    writer.StartArray();
    {
      absl::MutexLock lock(&mutex_);
      for (auto each = kept_.rbegin(); each != kept_.rend(); ++each) {
        if (each->username == username) WriteJson(writer, *each);
      }
    }
    writer.EndArray();
    AnswerResult(response, 200, buffer.GetString());
  }

  void Count(httplib::Response& response) {
    absl::MutexLock lock(&mutex_);
    AnswerResult(response, 200, absl::StrCat(taken_));
  }

  const NotifOptions options_;
  const std::string path_;
  std::atomic<int64_t> calls_{0};
  mutable absl::Mutex mutex_;
  std::deque<Notification> kept_ ABSL_GUARDED_BY(mutex_);
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
  FILE* file_ ABSL_GUARDED_BY(mutex_) = nullptr;
  size_t lines_ ABSL_GUARDED_BY(mutex_) = 0;  // in the file
  HttpService http_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Notif>> Notif::Start(NotifOptions options) {
  auto service = std::make_unique<NotifService>(std::move(options));
  absl::Status opened = service->Open();
  if (!opened.ok()) return opened;
  return service;
}

}  // namespace chatter::standins
