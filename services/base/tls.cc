#include "services/base/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "glog/logging.h"

namespace chatter {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;
constexpr char kCiphersOfTls12[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* freed) const {
    kFree(freed);
  }
};
using Bio = std::unique_ptr<BIO, Free<BIO_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using File = std::unique_ptr<std::FILE, Free<std::fclose>>;

// OpenSSL would ask at the terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status Wrong(const std::string& file, const std::string& what) {
  return absl::InvalidArgumentError(absl::StrCat(file, ": ", what));
}

absl::StatusOr<std::string> ReadFile(const std::string& name) {
  const File file(std::fopen(name.c_str(), "re"));
  if (file == nullptr) return Wrong(name, std::strerror(errno));
  std::string text(kMaxFileBytes + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()) != 0) return Wrong(name, std::strerror(errno));
  if (text.size() > kMaxFileBytes) return Wrong(name, "the file is too large");
  return text;
}

// Calls `take(certificate)` for each; it keeps what it takes, and returns whether it did.
template <typename Take>
absl::Status ForEachCertificate(const std::string& pem, const std::string& file,
                                Take take) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  int count = 0;
  ERR_clear_error();
  while (Certificate certificate{
      PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)}) {
    if (!take(std::move(certificate))) return Wrong(file, TakeTlsError());
    ++count;
  }
  // How the end shows.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return Wrong(file, TakeTlsError());
  }
  ERR_clear_error();
  return count > 0 ? absl::OkStatus() : Wrong(file, "there is no certificate in it");
}

absl::Status UseCertificate(SSL_CTX* context, const std::string& pem,
                            const std::string& file) {
  bool first = true;
  return ForEachCertificate(pem, file, [&](Certificate certificate) {
    if (first) {
      first = false;
      return SSL_CTX_use_certificate(context, certificate.get()) == 1;
    }
    if (SSL_CTX_add0_chain_cert(context, certificate.get()) != 1) return false;
    certificate.release();
    return true;
  });
}

absl::Status UseKey(SSL_CTX* context, const std::string& pem, const TlsFiles& files) {
  const Bio bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    ERR_clear_error();
    return Wrong(files.key, "there is no key without a passphrase in it");
  }
  // Refuses one that does not fit the certificate.
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1 ||
      SSL_CTX_check_private_key(context) != 1) {
    ERR_clear_error();
    return Wrong(files.key, absl::StrCat("the key is not that of the certificate in ",
                                         files.certificate));
  }
  return absl::OkStatus();
}

absl::Status TrustOnly(SSL_CTX* context, const std::string& pem,
                       const std::string& file) {
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  return ForEachCertificate(pem, file, [store](const Certificate& certificate) {
    return X509_STORE_add_cert(store, certificate.get()) == 1;
  });
}

void Configure(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_cipher_list(context, kCiphersOfTls12);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A read that only met TLS's own messages ends, however many of them follow.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  // A record's header and its rest in one call of the kernel.
  SSL_CTX_set_read_ahead(context, 1);
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeContext(const SSL_METHOD* method,
                                                     const TlsPems& pems,
                                                     const TlsFiles& files) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(method), SSL_CTX_free);
  if (context == nullptr) return absl::InternalError(TakeTlsError());
  Configure(context.get());
  absl::Status status =
      UseCertificate(context.get(), pems.certificate, files.certificate);
  if (status.ok()) status = UseKey(context.get(), pems.key, files);
  if (status.ok() && !files.ca.empty()) {
    status = TrustOnly(context.get(), pems.ca, files.ca);
  }
  if (!status.ok()) return status;
  return context;
}

absl::StatusOr<TlsPems> ReadFiles(const TlsFiles& files) {
  absl::StatusOr<std::string> certificate = ReadFile(files.certificate);
  if (!certificate.ok()) return certificate.status();
  absl::StatusOr<std::string> key = ReadFile(files.key);
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> ca = std::string();
  if (!files.ca.empty()) ca = ReadFile(files.ca);
  if (!ca.ok()) return ca.status();
  return TlsPems{*std::move(certificate), *std::move(key), *std::move(ca)};
}

}  // namespace

absl::StatusOr<TlsPems> ReadTlsPems(const TlsFiles& files) {
  absl::StatusOr<TlsPems> pems = ReadFiles(files);
  if (!pems.ok()) return pems;
  const auto context = MakeContext(TLS_server_method(), *pems, files);
  if (!context.ok()) return context.status();
  return pems;
}

absl::StatusOr<std::shared_ptr<SSL_CTX>> MakeTlsContext(const SSL_METHOD* method,
                                                        const TlsFiles& files) {
  const absl::StatusOr<TlsPems> pems = ReadFiles(files);
  if (!pems.ok()) return pems.status();
  return MakeContext(method, *pems, files);
}

absl::StatusOr<std::string> CheckTls(const TlsFiles& files) {
  const absl::Status read = ReadTlsPems(files).status();
  if (!read.ok()) return read;
  return "the certificate and its key can be used";
}

void LogReload(const absl::Status& status) {
  if (status.ok()) {
    LOG(INFO) << "new connections get the certificate as it is now";
  } else {
    LOG(ERROR) << "the certificate stays what it was: " << status.message();
  }
}

std::string TakeTlsError() {
  const unsigned long error = ERR_peek_last_error();  // NOLINT: OpenSSL's type
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason != nullptr ? reason : "an unknown error";
}

}  // namespace chatter
