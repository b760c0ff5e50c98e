#include "tools/standins/jwt.h"

#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace chatter::standins {
namespace {

constexpr int kKeyBits = 2048;
constexpr size_t kMaxTokenBytes = 8192;
constexpr absl::string_view kHeader = R"({"alg":"RS256","typ":"JWT"})";

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;

absl::Status Refused() { return absl::UnauthenticatedError("token refused"); }

std::string Payload(const JwtSigner::Claims& claims) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  writer.StartObject();
  writer.Key("dat");
  writer.StartObject();
  writer.Key("name");
  writer.String(claims.name);
  writer.Key("username");
  writer.String(claims.username);
  writer.Key("user_group");
  writer.String(claims.user_group);
  writer.EndObject();
  writer.Key("exp");
  writer.Int64(absl::ToUnixSeconds(claims.expires));
  writer.Key("nbf");
  writer.Int64(absl::ToUnixSeconds(claims.not_before));
  writer.Key("iss");
  writer.Int64(absl::ToUnixSeconds(claims.issued));
  writer.EndObject();
  return buffer.GetString();
}

bool ReadTime(const rapidjson::Value& object, const char* name, absl::Time* time) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsInt64()) return false;
  *time = absl::FromUnixSeconds(member->value.GetInt64());
  return true;
}

bool ReadString(const rapidjson::Value& object, const char* name, std::string* text) {
  const auto member = object.FindMember(name);
  if (member == object.MemberEnd() || !member->value.IsString()) return false;
  text->assign(member->value.GetString(), member->value.GetStringLength());
  return true;
}

}  // namespace

absl::StatusOr<JwtSigner> JwtSigner::Generate() {
  Key key(EVP_RSA_gen(kKeyBits));
  if (key == nullptr) return absl::InternalError("cannot generate an RSA key");
  return JwtSigner(std::move(key));
}

absl::StatusOr<JwtSigner> JwtSigner::FromPem(const std::string& pem) {
  Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), &BIO_free);
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  if (key == nullptr || EVP_PKEY_base_id(key.get()) != EVP_PKEY_RSA) {
    return absl::InvalidArgumentError("not an RSA private key");
  }
  return JwtSigner(std::move(key));
}

std::string JwtSigner::ToPem() const {
  Bio bio(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_PrivateKey(bio.get(), key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

std::string JwtSigner::Sign(const Claims& claims) const {
  const std::string input = absl::StrCat(absl::WebSafeBase64Escape(kHeader), ".",
                                         absl::WebSafeBase64Escape(Payload(claims)));
  DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
  std::string signature(static_cast<size_t>(EVP_PKEY_size(key_.get())), '\0');
  size_t size = signature.size();
  EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                 reinterpret_cast<const unsigned char*>(input.data()), input.size());
  signature.resize(size);
  return absl::StrCat(input, ".", absl::WebSafeBase64Escape(signature));
}

absl::StatusOr<JwtSigner::Claims> JwtSigner::Verify(absl::string_view token,
                                                    absl::Time now) const {
  if (token.size() > kMaxTokenBytes) return Refused();
  const std::vector<absl::string_view> parts = absl::StrSplit(token, '.');
  // We issue one header only, so that "alg" is never what the token says it is.
  if (parts.size() != 3 || parts[0] != absl::WebSafeBase64Escape(kHeader)) {
    return Refused();
  }
  std::string payload;
  std::string signature;
  if (!absl::WebSafeBase64Unescape(parts[1], &payload) ||
      !absl::WebSafeBase64Unescape(parts[2], &signature)) {
    return Refused();
  }
  const absl::string_view input = token.substr(0, parts[0].size() + 1 + parts[1].size());
  DigestContext context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
  if (EVP_DigestVerify(
          context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
          signature.size(), reinterpret_cast<const unsigned char*>(input.data()),
          input.size()) != 1) {
    return Refused();
  }
  rapidjson::Document json;
  json.Parse(payload);
  Claims claims;
  if (json.HasParseError() || !json.IsObject() || !json.HasMember("dat") ||
      !json["dat"].IsObject() || !ReadString(json["dat"], "name", &claims.name) ||
      !ReadString(json["dat"], "username", &claims.username) ||
      !ReadString(json["dat"], "user_group", &claims.user_group) ||
      !ReadTime(json, "exp", &claims.expires) ||
      !ReadTime(json, "nbf", &claims.not_before) ||
      !ReadTime(json, "iss", &claims.issued)) {
    return Refused();
  }
  if (now < claims.not_before || now >= claims.expires) return Refused();
  return claims;
}

}  // namespace chatter::standins
