#include "services/base/chat_tls_settings.h"

namespace chatter {

std::vector<Setting> ChatTlsSettings() {
  using Kind = Setting::Kind;
  return {
      {"CHAT_TLS_CERT", Kind::kText, "",
       "the PEM file of this side's certificate, for mutual TLS between edged and chatd"},
      {"CHAT_TLS_KEY", Kind::kText, "", "the PEM file of the certificate's key"},
      {"CHAT_TLS_CA", Kind::kText, "",
       "the PEM file of the CA whose certificates the other side must have"},
  };
}

absl::StatusOr<TlsFiles> ReadChatTls(const Settings& settings) {
  const bool given = settings.IsGiven("CHAT_TLS_CERT");
  if (settings.IsGiven("CHAT_TLS_KEY") != given ||
      settings.IsGiven("CHAT_TLS_CA") != given) {
    return absl::InvalidArgumentError(
        "CHAT_TLS_CERT, CHAT_TLS_KEY and CHAT_TLS_CA go together: set all of them");
  }
  return TlsFiles{settings.Text("CHAT_TLS_CERT"), settings.Text("CHAT_TLS_KEY"),
                  settings.Text("CHAT_TLS_CA")};
}

}  // namespace chatter
