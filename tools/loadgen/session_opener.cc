#include "tools/loadgen/session_opener.h"

#include <netinet/in.h>

#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/json_scan.h"

namespace chatter::loadgen {
namespace {

// Ports of one address, less than the kernel's usual range.
constexpr int kConnectionsOfAddress = 20'000;
constexpr int64_t kOpenTimeout = 300 * kSecond;

}  // namespace

void SessionOpener::Open(const User& user, WsClient& client, Opened opened) {
  user_ = &user;
  client_ = &client;
  opened_ = std::move(opened);
  begun_ = Now();
  request_ = RequestText(options_.edge, "/ws_token", user.bearer);
  http_.Ask(request_);
}

void SessionOpener::OnResponse(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) {
    return loop_.Fail(absl::UnavailableError(
        absl::StrCat("edged at ", options_.edge.text,
                     ": GET /ws_token: ", response.status().message())));
  }
  const std::optional<std::string_view> token =
      ScanString(response->body, "\"token\":\"");
  if (response->status != 201 || !token.has_value()) {
    return loop_.Fail(absl::UnavailableError(
        absl::StrCat("GET /ws_token as ", user_->name, " is answered with ",
                     response->status, ": ", AbslView(response->body))));
  }
  has_token_ = Now();
  client_->Open(options_.edge, from_, *token,
                [this](const absl::Status& status) { OnOpened(status); });
  if (!reuse_) http_.Close();
}

void SessionOpener::OnOpened(const absl::Status& status) {
  if (!status.ok()) return loop_.Fail(status);
  const int64_t now = loop_.now();
  times_.token.Record(has_token_ - begun_);
  times_.handshake.Record(now - has_token_);
  std::exchange(opened_, nullptr)(now - begun_);
}

absl::Status OpenSessions(EventLoop& loop, const Options& options,
                          const std::vector<Opening>& openings, int clients) {
  OpenTimes times;
  size_t begun = 0;
  size_t opened = 0;
  std::vector<std::unique_ptr<SessionOpener>> openers;
  std::function<void(SessionOpener&)> open_next = [&](SessionOpener& opener) {
    if (begun == openings.size()) return;
    const Opening& opening = openings[begun++];
    opener.Open(opening.user, opening.client, [&](int64_t) {
      ++opened;
      open_next(opener);
    });
  };
  for (int i = 0; i < clients; ++i) {
    const uint32_t from = LocalAddress(options, static_cast<int>(openings.size()), i);
    openers.push_back(
        std::make_unique<SessionOpener>(loop, options, from, /*reuse=*/true, times));
    open_next(*openers.back());
  }
  return loop.Await([&] { return opened == openings.size(); }, kOpenTimeout,
                    "opening the sessions");
}

uint32_t LocalAddress(const Options& options, int connections, int index) {
  const int needed = (connections + kConnectionsOfAddress - 1) / kConnectionsOfAddress;
  const int addresses = options.addresses > 0 ? options.addresses : needed;
  if (addresses <= 1) return 0;
  return INADDR_LOOPBACK + static_cast<uint32_t>(index % addresses);
}

}  // namespace chatter::loadgen
