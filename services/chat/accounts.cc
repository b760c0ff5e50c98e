#include "services/chat/accounts.h"

#include <cstddef>
#include <optional>

#include "services/base/protocol.h"
#include "services/base/utf8.h"

namespace chatter::chat {

absl::Status CheckAccount(const storage::Account& account) {
  const std::optional<size_t> name = CountCharacters(account.name);
  const std::optional<size_t> group = CountCharacters(account.group);
  if (!name.has_value()) return absl::InvalidArgumentError("username is not valid UTF-8");
  if (!group.has_value()) {
    return absl::InvalidArgumentError("user_group is not valid UTF-8");
  }
  if (*name == 0) return absl::InvalidArgumentError("username is missing");
  if (*name > static_cast<size_t>(kMaxUsernameCharacters)) {
    return absl::InvalidArgumentError("username is longer than 128 characters");
  }
  if (*group > static_cast<size_t>(kMaxGroupCharacters)) {
    return absl::InvalidArgumentError("user_group is longer than 56 characters");
  }
  if (HasControlCharacter(account.name)) {
    return absl::InvalidArgumentError("username has control characters");
  }
  if (HasControlCharacter(account.group)) {
    return absl::InvalidArgumentError("user_group has control characters");
  }
  return absl::OkStatus();
}

}  // namespace chatter::chat
