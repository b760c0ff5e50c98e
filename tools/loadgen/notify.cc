#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/meter.h"
#include "tools/loadgen/pairs.h"
#include "tools/loadgen/workloads.h"

namespace chatter::loadgen {
namespace {

constexpr int64_t kTimeout = 120 * kSecond;
constexpr int64_t kAskInterval = kSecond / 100;
constexpr std::string_view kBeforeCount = "{\"result\":";

// Each sender sends its messages, each when the one before has come. Then notif is asked
// until it has taken as many notifications.
class Notify : public Pairs::Observer, public HttpConnection::Owner {
 public:
  Notify(EventLoop& loop, const Options& options, Report& report)
      : loop_(loop),
        options_(options),
        report_(report),
        pairs_(loop, options, *this),
        meter_(loop, options, "messages", "sent to at the recipient", report),
        notif_(loop, options.notif, 0, *this),
        request_(RequestText(options.notif, "/notification/count", "")) {
    report.title =
        absl::StrCat("notify: ", options.pairs, " pairs, ", options.messages,
                     " messages of each sender, ", options.text_bytes, " bytes");
  }

  absl::Status Run() {
    absl::Status status = pairs_.Open();
    if (!status.ok()) return status;
    sent_at_.resize(pairs_.flows().size());
    missing_ = static_cast<int64_t>(sent_at_.size()) * options_.messages;
    notif_.Ask(request_);
    status = loop_.Await([this] { return taken_ >= 0; }, kTimeout, "notif's answer");
    if (!status.ok()) return status;
    wanted_ = taken_ + missing_;
    // Once it is measured.
    loop_.AddTicker(0, [this](int64_t) {
      for (const auto& flow : pairs_.flows()) SendNext(*flow);
      return kNever;
    });
    status = meter_.Measure(kTimeout, [this] { return taken_ >= wanted_; });
    if (!status.ok()) return status;
    if (taken_ < wanted_) {
      return absl::DataLossError(
          absl::StrCat(missing_, " messages and ", wanted_ - taken_,
                       " notifications are missing after ", kTimeout / kSecond, " s"));
    }
    report_.figures.push_back({"notified_after_s",
                               static_cast<double>(loop_.now() - delivered_at_) / kSecond,
                               "s", "from the last message to the last notification"});
    return pairs_.Drain();
  }

  void OnDelivered(const Flow& flow, int64_t) override {
    meter_.Count();
    meter_.Record(loop_.now() - sent_at_[flow.index()]);
    SendNext(*pairs_.flows()[flow.index()]);
    if (--missing_ > 0) return;
    delivered_at_ = loop_.now();
    notif_.Ask(request_);
  }

 private:
  void SendNext(Flow& flow) {
    if (flow.sent() == options_.messages) return;
    sent_at_[flow.index()] = Now();
    flow.Send(1);
  }

  void OnResponse(const absl::StatusOr<HttpResponse>& response) override {
    if (!response.ok()) {
      return loop_.Fail(absl::UnavailableError(absl::StrCat(
          "notif at ", options_.notif.text, ": ", response.status().message())));
    }
    const std::string_view count = response->body.substr(0, response->body.find(','));
    if (response->status != 200 || count.rfind(kBeforeCount, 0) != 0 ||
        !absl::SimpleAtoi(AbslView(count.substr(kBeforeCount.size())), &taken_)) {
      return loop_.Fail(
          absl::UnavailableError(absl::StrCat("notif answers ", response->status, ": ",
                                              AbslView(response->body.substr(0, 200)))));
    }
    if (missing_ > 0 || taken_ >= wanted_) return;
    loop_.AddTicker(loop_.now() + kAskInterval, [this](int64_t) {
      notif_.Ask(request_);
      return kNever;
    });
  }

  EventLoop& loop_;
  const Options& options_;
  Report& report_;
  Pairs pairs_;
  Meter meter_;
  HttpConnection notif_;
  const std::string request_;
  std::vector<int64_t> sent_at_;  // of the one message on its way, by flow
  int64_t missing_ = 0;           // messages not yet at their recipients
  int64_t taken_ = -1;            // by notif since its start; -1: not known yet
  int64_t wanted_ = 0;            // of taken_, for the end
  int64_t delivered_at_ = 0;      // the last message
};

}  // namespace

absl::Status RunNotify(EventLoop& loop, const Options& options, Report& report) {
  return Notify(loop, options, report).Run();
}

}  // namespace chatter::loadgen
