#include "tools/loadgen/http_load.h"

#include <algorithm>
#include <cstdint>
#include <memory>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/session_opener.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kAnswerTimeout = 30 * kSecond;

class Asker : public HttpConnection::Owner, public EventLoop::Flushable {
 public:
  Asker(EventLoop& loop, const Options& options, uint32_t from,
        const std::string& request, const CheckBody& check, Meter& meter)
      : loop_(loop),
        request_(request),
        check_(check),
        meter_(meter),
        http_(loop, options.edge, from, *this) {}

  // At the end of the turn: everybody's answers are read by then.
  void AskLater() {
    asking_ = true;
    loop_.FlushLater(*this);
  }
  void Stop() { stopping_ = true; }
  bool is_asking() const { return asking_; }

 private:
  void Flush() override {
    asked_at_ = Now();
    http_.Ask(request_);
  }

  void OnResponse(const absl::StatusOr<HttpResponse>& response) override {
    asking_ = false;
    if (!response.ok()) {
      return loop_.Fail(absl::UnavailableError(
          absl::StrCat("a request got no answer: ", response.status().message())));
    }
    if (response->status != 200) {
      return loop_.Fail(absl::UnavailableError(
          absl::StrCat("a request was answered with ", response->status, ": ",
                       AbslView(response->body.substr(0, 200)))));
    }
    const absl::Status checked = check_(response->body);
    if (!checked.ok()) return loop_.Fail(checked);
    meter_.Count();
    if (meter_.InWindow(asked_at_)) meter_.Record(loop_.now() - asked_at_);
    if (!stopping_) AskLater();
  }

  EventLoop& loop_;
  const std::string& request_;
  const CheckBody& check_;
  Meter& meter_;
  HttpConnection http_;
  int64_t asked_at_ = 0;
  bool asking_ = false;
  bool stopping_ = false;
};

}  // namespace

absl::Status RunHttpLoad(EventLoop& loop, const Options& options,
                         const std::vector<std::string>& requests, const CheckBody& check,
                         Meter& meter) {
  const auto count = static_cast<int>(requests.size());
  std::vector<std::unique_ptr<Asker>> askers;
  for (int i = 0; i < count; ++i) {
    askers.push_back(
        std::make_unique<Asker>(loop, options, LocalAddress(options, count, i),
                                requests[static_cast<size_t>(i)], check, meter));
    askers.back()->AskLater();
  }
  absl::Status status = meter.WarmUp();
  if (!status.ok()) return status;
  status = meter.Measure(options.duration_ns);
  if (!status.ok()) return status;
  for (const auto& asker : askers) asker->Stop();
  const auto is_asking = [](const auto& asker) { return asker->is_asking(); };
  return loop.Await([&] { return std::none_of(askers.begin(), askers.end(), is_asking); },
                    kAnswerTimeout, "the last answers");
}

}  // namespace chatter::loadgen
