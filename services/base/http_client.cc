#include "services/base/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <deque>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "glog/logging.h"

namespace chatter {
namespace {

// CURL and CURLM are both void, so that one deleter cannot tell them apart.
struct EasyDeleter {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListDeleter {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

struct Pending {
  HttpRequest request;
  HttpClient::Done done;
  absl::Time deadline;
};

// One easy handle, used again for one request after the other.
struct Transfer {
  std::unique_ptr<CURL, EasyDeleter> easy{curl_easy_init()};
  std::unique_ptr<curl_slist, ListDeleter> headers;
  Pending pending;
  HttpResponse response;
  size_t response_limit = 0;
  bool too_large = false;
};

size_t CollectBody(char* data, size_t size, size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const size_t bytes = size * count;
  if (transfer.response.body.size() + bytes > transfer.response_limit) {
    transfer.too_large = true;
    return 0;  // ends the transfer with CURLE_WRITE_ERROR
  }
  transfer.response.body.append(data, bytes);
  return bytes;
}

absl::Status ToStatus(CURLcode code, bool too_large) {
  if (too_large) return absl::ResourceExhaustedError("the answer is too large");
  switch (code) {
    case CURLE_OK:
      return absl::OkStatus();
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError("no answer in time");
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return absl::InvalidArgumentError(curl_easy_strerror(code));
    default:
      return absl::UnavailableError(curl_easy_strerror(code));
  }
}

absl::Status Stopping() { return absl::CancelledError("the client stops"); }

class CurlHttpClient : public HttpClient {
 public:
  explicit CurlHttpClient(const HttpClientLimits& limits)
      : limits_(limits), multi_(curl_multi_init()) {
    // libcurl would keep four for each transfer of this moment, and close the others.
    curl_multi_setopt(multi_.get(), CURLMOPT_MAXCONNECTS,
                      static_cast<long>(limits_.in_flight));
    thread_ = std::thread([this] { Work(); });
  }

  ~CurlHttpClient() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    curl_multi_wakeup(multi_.get());
    thread_.join();
  }

  void Send(HttpRequest request, Done done) override {
    Pending pending{std::move(request), std::move(done), absl::InfiniteFuture()};
    pending.deadline = absl::Now() + pending.request.deadline;
    absl::Status refused;
    bool was_empty;
    {
      absl::MutexLock lock(&mutex_);
      was_empty = waiting_.empty();
      if (stopping_) {
        refused = Stopping();
      } else if (waiting_.size() >= static_cast<size_t>(limits_.waiting)) {
        refused = absl::ResourceExhaustedError("too many calls wait already");
      } else {
        waiting_.push_back(std::move(pending));
      }
    }
    if (!refused.ok()) return pending.done(refused);
    // Otherwise the thread knows already that somebody waits, or is about to look.
    const bool asleep = was_empty && std::this_thread::get_id() != thread_.get_id();
    if (asleep) curl_multi_wakeup(multi_.get());
  }

 private:
  void Work() {
    while (true) {
      const bool stopping = StartWaiting();
      if (stopping) break;
      int running = 0;
      curl_multi_perform(multi_.get(), &running);
      FinishEnded();
      ExpireWaiting();
      if (CanStart()) continue;
      curl_multi_poll(multi_.get(), nullptr, 0, PollTimeoutMs(), nullptr);
    }
    CancelAll();
  }

  bool CanStart() ABSL_LOCKS_EXCLUDED(mutex_) {
    absl::MutexLock lock(&mutex_);
    return !waiting_.empty() && active_.size() < static_cast<size_t>(limits_.in_flight);
  }

  // True when the client stops.
  bool StartWaiting() ABSL_LOCKS_EXCLUDED(mutex_) {
    while (active_.size() < static_cast<size_t>(limits_.in_flight)) {
      Pending pending;
      {
        absl::MutexLock lock(&mutex_);
        if (stopping_) return true;
        if (waiting_.empty()) return false;
        pending = std::move(waiting_.front());
        waiting_.pop_front();
      }
      StartTransfer(std::move(pending));
    }
    absl::MutexLock lock(&mutex_);
    return stopping_;
  }

  void StartTransfer(Pending pending) {
    const absl::Duration left = pending.deadline - absl::Now();
    if (left < absl::Milliseconds(1)) {
      pending.done(absl::DeadlineExceededError("no answer in time"));
      return;
    }
    std::unique_ptr<Transfer> transfer = TakeTransfer();
    transfer->pending = std::move(pending);
    const HttpRequest& request = transfer->pending.request;
    CURL* const easy = transfer->easy.get();
    curl_easy_reset(easy);  // keeps the connections
    curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS,
                     static_cast<long>(absl::ToInt64Milliseconds(left)));
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, CollectBody);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer.get());
    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer.get());
    curl_slist* headers = nullptr;
    for (const std::string& header : request.headers) {
      headers = curl_slist_append(headers, header.c_str());
    }
    if (request.body != nullptr) {
      // Without it libcurl waits for a "100 Continue" before larger bodies.
      headers = curl_slist_append(headers, "Expect:");
      curl_easy_setopt(easy, CURLOPT_POST, 1L);
      curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body->data());
      curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE,
                       static_cast<long>(request.body->size()));
    }
    transfer->headers.reset(headers);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_multi_add_handle(multi_.get(), easy);
    active_.push_back(std::move(transfer));
  }

  std::unique_ptr<Transfer> TakeTransfer() {
    std::unique_ptr<Transfer> transfer;
    if (idle_.empty()) {
      transfer = std::make_unique<Transfer>();
      transfer->response_limit = limits_.response_bytes;
    } else {
      transfer = std::move(idle_.back());
      idle_.pop_back();
    }
    transfer->response.body.clear();
    transfer->too_large = false;
    return transfer;
  }

  void FinishEnded() {
    int left;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      CURL* const easy = message->easy_handle;
      const CURLcode code = message->data.result;
      Transfer* transfer = nullptr;
      curl_easy_getinfo(easy, CURLINFO_PRIVATE, &transfer);
      long status = 0;
      curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
      curl_multi_remove_handle(multi_.get(), easy);
      const auto it =
          std::find_if(active_.begin(), active_.end(),
                       [&](const auto& owned) { return owned.get() == transfer; });
      std::unique_ptr<Transfer> ended = std::move(*it);
      active_.erase(it);
      const absl::Status outcome = ToStatus(code, ended->too_large);
      const Done done = std::move(ended->pending.done);
      if (outcome.ok()) {
        ended->response.status = static_cast<int>(status);
        done(std::move(ended->response));
      } else {
        done(outcome);
      }
      ended->pending = {};
      idle_.push_back(std::move(ended));
    }
  }

  // Those whose deadline passes while all connections are busy. They wait in order, and
  // deadlines of one neighbour are alike, so looking at the first ones is enough.
  void ExpireWaiting() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Time now = absl::Now();
    while (true) {
      Pending expired;
      {
        absl::MutexLock lock(&mutex_);
        if (waiting_.empty() || waiting_.front().deadline > now) return;
        expired = std::move(waiting_.front());
        waiting_.pop_front();
      }
      expired.done(absl::DeadlineExceededError("no answer in time"));
    }
  }

  int PollTimeoutMs() ABSL_LOCKS_EXCLUDED(mutex_) {
    constexpr absl::Duration kLongest = absl::Seconds(10);
    absl::MutexLock lock(&mutex_);
    if (waiting_.empty()) return static_cast<int>(absl::ToInt64Milliseconds(kLongest));
    const absl::Duration left = waiting_.front().deadline - absl::Now();
    return static_cast<int>(absl::ToInt64Milliseconds(
        std::clamp(left + absl::Milliseconds(1), absl::ZeroDuration(), kLongest)));
  }

  void CancelAll() ABSL_LOCKS_EXCLUDED(mutex_) {
    const absl::Status cancelled = Stopping();
    for (const auto& transfer : active_) {
      curl_multi_remove_handle(multi_.get(), transfer->easy.get());
      transfer->pending.done(cancelled);
    }
    active_.clear();
    idle_.clear();
    std::deque<Pending> waiting;
    {
      absl::MutexLock lock(&mutex_);
      waiting.swap(waiting_);
    }
    for (const Pending& pending : waiting) pending.done(cancelled);
  }

  const HttpClientLimits limits_;
  const std::unique_ptr<CURLM, MultiDeleter> multi_;

  // Of the client's thread.
  std::vector<std::unique_ptr<Transfer>> active_;
  std::vector<std::unique_ptr<Transfer>> idle_;

  absl::Mutex mutex_;
  std::deque<Pending> waiting_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: uses all of the above
};

}  // namespace

std::unique_ptr<HttpClient> MakeHttpClient(const HttpClientLimits& limits) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK_EQ(initialised, CURLE_OK);
  return std::make_unique<CurlHttpClient>(limits);
}

}  // namespace chatter
