#include "services/notification/notif_check.h"

#include <future>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/http_client.h"
#include "services/base/protocol.h"

namespace chatter::notification {

absl::StatusOr<std::string> CheckNotif(const std::string& url,
                                       const std::string& authorization) {
  HttpRequest request;
  request.url = url;
  request.headers = {"Content-Type: application/json", "Authorization: " + authorization};
  request.body = std::make_unique<std::string>();
  request.deadline = kNotifDeadline;
  std::promise<absl::StatusOr<HttpResponse>> answer;
  const std::unique_ptr<HttpClient> http = MakeHttpClient({});
  http->Send(std::move(request), [&](absl::StatusOr<HttpResponse> response) {
    answer.set_value(std::move(response));
  });
  const absl::StatusOr<HttpResponse> response = answer.get_future().get();
  if (!response.ok()) return absl::UnavailableError(response.status().message());
  const std::string what = absl::StrCat("notif answers HTTP ", response->status);
  switch (response->status) {
    case 401:
    case 403:
      return absl::PermissionDeniedError(what + ": it does not know NOTIFICATION_AUTH");
    case 404:
    case 405:
      return absl::NotFoundError(what + ": it takes no notifications there");
    default:
      if (response->status >= 500) return absl::UnavailableError(what);
      return what + " to an empty notification";
  }
}

}  // namespace chatter::notification
