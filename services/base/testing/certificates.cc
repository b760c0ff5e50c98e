#include "services/base/testing/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"

namespace chatter::testing {
namespace {

constexpr long kDay = 24 * 60 * 60;  // NOLINT: OpenSSL's type

template <typename Write>
std::string PemOf(Write write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  CHECK_EQ(write(bio), 1);
  char* data;
  const auto size = BIO_get_mem_data(bio, &data);
  std::string pem(data, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  CHECK(extension != nullptr) << value;
  CHECK_EQ(X509_add_ext(certificate, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

std::shared_ptr<EVP_PKEY> NewKey() {
  std::shared_ptr<EVP_PKEY> key(EVP_EC_gen("P-256"), EVP_PKEY_free);
  CHECK(key != nullptr);
  return key;
}

// Without extensions and signature.
std::shared_ptr<X509> NewCertificate(const std::string& common_name, EVP_PKEY* key) {
  std::shared_ptr<X509> certificate(X509_new(), X509_free);
  CHECK(certificate != nullptr);
  uint64_t serial;
  CHECK_EQ(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof(serial)), 1);
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -kDay);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kDay);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(common_name.c_str()),
                             -1, -1, 0);
  CHECK_EQ(X509_set_pubkey(certificate.get(), key), 1);
  return certificate;
}

std::string PemOf(X509* certificate) {
  return PemOf([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name)
    : key_(NewKey()), certificate_(NewCertificate(name, key_.get())) {
  X509* const certificate = certificate_.get();
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
  AddExtension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(certificate, certificate, NID_subject_key_identifier, "hash");
  CHECK_GT(X509_sign(certificate, key_.get(), EVP_sha256()), 0);
  pem_ = PemOf(certificate);
}

CertificateAuthority::Issued CertificateAuthority::Issue(const std::string& common_name,
                                                         const std::string& names) const {
  const std::shared_ptr<EVP_PKEY> key = NewKey();
  const std::shared_ptr<X509> certificate = NewCertificate(common_name, key.get());
  X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate_.get()));
  AddExtension(certificate.get(), certificate_.get(), NID_subject_alt_name, names);
  AddExtension(certificate.get(), certificate_.get(), NID_ext_key_usage,
               "serverAuth,clientAuth");
  CHECK_GT(X509_sign(certificate.get(), key_.get(), EVP_sha256()), 0);
  return {PemOf(certificate.get()), PemOf([&](BIO* bio) {
            return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr);
          })};
}

void WriteFile(const std::string& name, const std::string& text) {
  std::FILE* const file = std::fopen(name.c_str(), "we");
  PCHECK(file != nullptr) << name;
  CHECK_EQ(std::fwrite(text.data(), 1, text.size(), file), text.size());
  CHECK_EQ(std::fclose(file), 0);
}

TlsFiles WriteTlsFiles(const std::string& folder, const std::string& name,
                       const CertificateAuthority::Issued& issued,
                       const CertificateAuthority& trusted) {
  const std::string path = absl::StrCat(folder, "/", name);
  TlsFiles files{path + ".crt", path + ".key", path + ".ca"};
  WriteFile(files.certificate, issued.certificate);
  WriteFile(files.key, issued.key);
  WriteFile(files.ca, trusted.pem());
  return files;
}

}  // namespace chatter::testing
