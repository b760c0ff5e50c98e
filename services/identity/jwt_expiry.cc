#include "services/identity/jwt_expiry.h"

#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_split.h"
#include "rapidjson/document.h"
#include "services/base/absl_view.h"

namespace chatter::identity {

std::optional<absl::Time> JwtExpiry(std::string_view authorization) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(AbslView(authorization), '.');
  std::string payload;
  if (parts.size() != 3 || !absl::WebSafeBase64Unescape(parts[1], &payload)) {
    return std::nullopt;
  }
  rapidjson::Document claims;
  claims.Parse<rapidjson::kParseIterativeFlag>(payload);
  if (claims.HasParseError() || !claims.IsObject()) return std::nullopt;
  const auto exp = claims.FindMember("exp");
  if (exp == claims.MemberEnd() || !exp->value.IsNumber()) return std::nullopt;
  return absl::UnixEpoch() + absl::Seconds(exp->value.GetDouble());
}

}  // namespace chatter::identity
