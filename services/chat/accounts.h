#ifndef CHATTER_SERVICES_CHAT_ACCOUNTS_H_
#define CHATTER_SERVICES_CHAT_ACCOUNTS_H_

#include "absl/status/status.h"
#include "storage/storage.h"

namespace chatter::chat {

// contract.md, POST /user: a name of 1 to 128 characters, a group of at most 56, neither
// with control characters. kInvalidArgument, with a message for a person that says which
// rule is broken.
absl::Status CheckAccount(const storage::Account& account);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_ACCOUNTS_H_
