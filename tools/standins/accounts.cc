#include "tools/standins/accounts.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <rapidjson/document.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tools/standins/files.h"

namespace chatter::standins {
namespace {

constexpr size_t kMinUsername = 3;
constexpr size_t kMaxUsername = 100;
constexpr size_t kMaxPassword = 128;
constexpr size_t kMaxName = 128;
constexpr size_t kMaxGroup = 56;
constexpr size_t kMaxAccounts = 100'000;
constexpr absl::string_view kDefaultGroup = "UNASSIGNED";

constexpr size_t kSaltBytes = 16;
constexpr size_t kHashBytes = 32;
constexpr uint64_t kScryptN = 1 << 14;
constexpr uint64_t kScryptR = 8;
constexpr uint64_t kScryptP = 1;
constexpr uint64_t kScryptMemory = 64 << 20;

absl::StatusOr<std::string> Scrypt(absl::string_view password, absl::string_view salt) {
  std::array<unsigned char, kHashBytes> hash;
  if (EVP_PBE_scrypt(password.data(), password.size(),
                     reinterpret_cast<const unsigned char*>(salt.data()), salt.size(),
                     kScryptN, kScryptR, kScryptP, kScryptMemory, hash.data(),
                     hash.size()) != 1) {
    return absl::InternalError("cannot hash a password");
  }
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

// "scrypt$<salt>$<hash>", both in base64.
absl::StatusOr<std::string> HashPassword(absl::string_view password) {
  std::array<unsigned char, kSaltBytes> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) {
    return absl::InternalError("no random numbers");
  }
  const std::string salt(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  absl::StatusOr<std::string> hash = Scrypt(password, salt);
  if (!hash.ok()) return hash.status();
  return absl::StrCat("scrypt$", absl::Base64Escape(salt), "$",
                      absl::Base64Escape(*hash));
}

bool Matches(absl::string_view password, absl::string_view stored) {
  const std::vector<absl::string_view> parts = absl::StrSplit(stored, '$');
  std::string salt(kSaltBytes, '\0');
  std::string expected(kHashBytes, '\0');
  const bool usable = parts.size() == 3 && parts[0] == "scrypt" &&
                      absl::Base64Unescape(parts[1], &salt) &&
                      absl::Base64Unescape(parts[2], &expected) &&
                      expected.size() == kHashBytes;
  // Hashed in any case, so that time does not tell which accounts there are.
  const absl::StatusOr<std::string> hash = Scrypt(password, salt);
  return usable && hash.ok() &&
         CRYPTO_memcmp(hash->data(), expected.data(), kHashBytes) == 0;
}

absl::Status CheckRules(absl::string_view username, absl::string_view password,
                        absl::string_view name, absl::string_view user_group) {
  if (username.size() < kMinUsername || username.size() > kMaxUsername) {
    return absl::InvalidArgumentError(absl::StrCat("Username must have ", kMinUsername,
                                                   " to ", kMaxUsername, " characters"));
  }
  const auto allowed = [](char c) {
    return absl::ascii_isalnum(c) || c == ' ' || c == '_';
  };
  if (!std::all_of(username.begin(), username.end(), allowed)) {
    return absl::InvalidArgumentError(
        "Username may have letters, digits, spaces and underscores only");
  }
  if (password.empty() || password.size() > kMaxPassword) {
    return absl::InvalidArgumentError(
        absl::StrCat("Password must have 1 to ", kMaxPassword, " bytes"));
  }
  if (name.size() > kMaxName) return absl::InvalidArgumentError("Name is too long");
  if (user_group.size() > kMaxGroup) {
    return absl::InvalidArgumentError("User group is too long");
  }
  return absl::OkStatus();
}

bool Read(const rapidjson::Value& object, const char* member, std::string* text) {
  const auto found = object.FindMember(member);
  if (found == object.MemberEnd() || !found->value.IsString()) return false;
  text->assign(found->value.GetString(), found->value.GetStringLength());
  return true;
}

}  // namespace

absl::Status Accounts::Load() {
  if (path_.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> content = ReadFile(path_);
  if (absl::IsNotFound(content.status())) return absl::OkStatus();
  if (!content.ok()) return content.status();
  rapidjson::Document json;
  json.Parse(*content);
  const absl::Status bad =
      absl::DataLossError(absl::StrCat(path_, " is not a list of accounts"));
  if (json.HasParseError() || !json.IsArray()) return bad;
  absl::MutexLock lock(&mutex_);
  for (const rapidjson::Value& item : json.GetArray()) {
    Account account;
    if (!item.IsObject() || !Read(item, "username", &account.username) ||
        !Read(item, "name", &account.name) ||
        !Read(item, "user_group", &account.user_group) ||
        !Read(item, "password_hash", &account.password_hash)) {
      return bad;
    }
    accounts_[account.username] = account;
  }
  return absl::OkStatus();
}

absl::Status Accounts::Save() const {
  absl::MutexLock lock(&mutex_);
  return SaveLocked();
}

absl::Status Accounts::SaveLocked() const {
  if (path_.empty()) return absl::OkStatus();
  rapidjson::StringBuffer buffer;
  rapidjson::PrettyWriter<rapidjson::StringBuffer> writer(buffer);
  writer.SetIndent(' ', 2);
  writer.StartArray();
  for (const auto& [username, account] : accounts_) {
    writer.StartObject();
    writer.Key("username");
    writer.String(username);
    writer.Key("name");
    writer.String(account.name);
    writer.Key("user_group");
    writer.String(account.user_group);
    writer.Key("password_hash");
    writer.String(account.password_hash);
    writer.EndObject();
  }
  writer.EndArray();
  return WriteFile(path_, buffer.GetString());
}

absl::StatusOr<Account> Accounts::Create(absl::string_view username,
                                         absl::string_view password,
                                         absl::string_view name,
                                         absl::string_view user_group) {
  absl::Status rules = CheckRules(username, password, name, user_group);
  if (!rules.ok()) return rules;
  Account account;
  account.username = absl::AsciiStrToLower(username);
  account.name = std::string(name.empty() ? username : name);
  account.user_group = std::string(user_group.empty() ? kDefaultGroup : user_group);
  if (Find(account.username)) return absl::AlreadyExistsError("Username already exists");
  absl::StatusOr<std::string> hash = HashPassword(password);
  if (!hash.ok()) return hash.status();
  account.password_hash = *std::move(hash);

  absl::MutexLock lock(&mutex_);
  if (accounts_.size() >= kMaxAccounts) {
    return absl::ResourceExhaustedError("Too many accounts");
  }
  const auto [place, inserted] = accounts_.emplace(account.username, account);
  if (!inserted) return absl::AlreadyExistsError("Username already exists");
  absl::Status saved = SaveLocked();
  if (!saved.ok()) {
    accounts_.erase(place);
    return saved;
  }
  return account;
}

Account Accounts::Put(absl::string_view username, absl::string_view user_group) {
  Account account;
  account.username = absl::AsciiStrToLower(username);
  account.name = std::string(username);
  account.user_group = std::string(user_group);
  absl::MutexLock lock(&mutex_);
  accounts_[account.username] = account;
  return account;
}

std::optional<Account> Accounts::Find(absl::string_view username) const {
  absl::MutexLock lock(&mutex_);
  const auto found = accounts_.find(username);
  if (found == accounts_.end()) return std::nullopt;
  return found->second;
}

std::optional<Account> Accounts::Check(absl::string_view username,
                                       absl::string_view password) const {
  if (password.size() > kMaxPassword) return std::nullopt;
  std::optional<Account> account = Find(absl::AsciiStrToLower(username));
  if (!Matches(password, account ? account->password_hash : "")) return std::nullopt;
  return account;
}

}  // namespace chatter::standins
