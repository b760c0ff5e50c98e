// What chatd lets its operator say.
#ifndef CHATTER_SERVICES_CHAT_CHAT_SETTINGS_H_
#define CHATTER_SERVICES_CHAT_CHAT_SETTINGS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "services/base/settings.h"
#include "services/chat/chat_server.h"

namespace chatter::chat {

std::vector<Setting> ChatSettings();

// All but the channels to the adapters. kInvalidArgument: a setting cannot be used, or
// not together with others.
absl::StatusOr<ChatServerOptions> ReadChatOptions(const Settings& settings);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_SETTINGS_H_
