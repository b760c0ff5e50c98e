#ifndef CHATTER_SERVICES_CHAT_CHAT_CHECK_H_
#define CHATTER_SERVICES_CHAT_CHAT_CHECK_H_

#include "services/base/settings.h"

namespace chatter::chat {

// `chatd --check`: connects to the database, which it does not change, and calls uacl and
// notif, or the adapters that run elsewhere. Prints a line for each, see CheckReport.
// Returns the exit code: 0 when chatd could run with these settings. Takes at most about
// 25 s.
int CheckChat(const Settings& settings);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_CHECK_H_
