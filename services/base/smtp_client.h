#ifndef CHATTER_SERVICES_BASE_SMTP_CLIENT_H_
#define CHATTER_SERVICES_BASE_SMTP_CLIENT_H_

#include <atomic>
#include <string>

#include "absl/status/status.h"

namespace chatter {

struct SmtpServer {
  std::string url;      // smtp://host[:port], with STARTTLS; or smtps://
  std::string address;  // who logs in, writes, and gets the mails
  std::string password;
  // Whom to believe that the server is the one; empty: those that the system trusts.
  std::string ca_file;
};

// Sends a mail (RFC 5322, lines ending in CRLF) to the address itself, always over TLS.
// Blocks for at most 30 s, or about a second after `stop` was set. kUnavailable says what
// went wrong.
absl::Status SendMail(const SmtpServer& server, const std::string& mail,
                      const std::atomic<bool>& stop);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_SMTP_CLIENT_H_
