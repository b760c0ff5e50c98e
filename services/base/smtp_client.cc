#include "services/base/smtp_client.h"

#include <curl/curl.h>

#include <cstring>
#include <memory>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace chatter {
namespace {

constexpr long kConnectSeconds = 10;
constexpr long kSeconds = 30;

size_t ReadMail(char* buffer, size_t size, size_t count, void* context) {
  auto& rest = *static_cast<std::string_view*>(context);
  const size_t taken = rest.copy(buffer, size * count);
  rest.remove_prefix(taken);
  return taken;
}

int IsStopped(void* stop, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(stop)->load() ? 1 : 0;
}

}  // namespace

absl::Status SendMail(const SmtpServer& server, const std::string& mail,
                      const std::atomic<bool>& stop) {
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> easy(curl_easy_init(),
                                                                 &curl_easy_cleanup);
  CURL* const curl = easy.get();
  const std::string mailbox = absl::StrCat("<", server.address, ">");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> recipients(
      curl_slist_append(nullptr, mailbox.c_str()), &curl_slist_free_all);
  std::string_view rest = mail;
  char why[CURL_ERROR_SIZE] = "";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
  curl_easy_setopt(curl, CURLOPT_URL, server.url.c_str());
  curl_easy_setopt(curl, CURLOPT_USE_SSL, CURLUSESSL_ALL);
  if (!server.ca_file.empty()) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, server.ca_file.c_str());
  }
  if (!server.password.empty()) {
    curl_easy_setopt(curl, CURLOPT_USERNAME, server.address.c_str());
    curl_easy_setopt(curl, CURLOPT_PASSWORD, server.password.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_MAIL_FROM, mailbox.c_str());
  curl_easy_setopt(curl, CURLOPT_MAIL_RCPT, recipients.get());
  curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(curl, CURLOPT_READFUNCTION, &ReadMail);
  curl_easy_setopt(curl, CURLOPT_READDATA, &rest);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, kSeconds);
  // A name that is being looked up is not waited for at the end.
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &IsStopped);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &stop);
  const CURLcode code = curl_easy_perform(curl);
  if (code == CURLE_OK) return absl::OkStatus();
  return absl::UnavailableError(*why != '\0' ? why : curl_easy_strerror(code));
}

}  // namespace chatter
