#ifndef CHATTER_SERVICES_BASE_CHAT_TLS_SETTINGS_H_
#define CHATTER_SERVICES_BASE_CHAT_TLS_SETTINGS_H_

#include <vector>

#include "absl/status/statusor.h"
#include "services/base/settings.h"
#include "services/base/tls.h"

namespace chatter {

// What both ends of gRPC between edged and chatd need for mutual TLS.
std::vector<Setting> ChatTlsSettings();

// kInvalidArgument when some of them are given, and not all.
absl::StatusOr<TlsFiles> ReadChatTls(const Settings& settings);

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_CHAT_TLS_SETTINGS_H_
