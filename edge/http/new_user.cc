#include "edge/http/new_user.h"

#include "absl/strings/str_cat.h"
#include "rapidjson/document.h"
#include "services/base/utf8.h"

namespace chatter::edge {
namespace {

// Nothing when it is not there or null.
absl::StatusOr<std::string> Text(const rapidjson::Value& object, const char* name) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || member->value.IsNull()) return std::string();
  if (!member->value.IsString()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not a string"));
  }
  std::string text(member->value.GetString(), member->value.GetStringLength());
  if (!CountCharacters(text).has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not valid UTF-8"));
  }
  return text;
}

}  // namespace

absl::StatusOr<v1::CreateUserRequest> ParseNewUser(const std::string& body) {
  rapidjson::Document document;
  // Iterative: deep nesting must not end the stack.
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      body);
  if (document.HasParseError()) {
    return absl::InvalidArgumentError("The body is not JSON");
  }
  if (!document.IsObject()) {
    return absl::InvalidArgumentError("The body is not a JSON object");
  }
  absl::StatusOr<std::string> username = Text(document, "username");
  if (!username.ok()) return username.status();
  absl::StatusOr<std::string> group = Text(document, "user_group");
  if (!group.ok()) return group.status();
  v1::CreateUserRequest request;
  request.set_username(*std::move(username));
  request.set_user_group(*std::move(group));
  return request;
}

}  // namespace chatter::edge
