#include "services/base/tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"

namespace chatter {
namespace {

using testing::CertificateAuthority;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::WriteFile;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest()
      : files_(testing::WriteTlsFiles(::testing::TempDir(), "tls_test",
                                      ca_.Issue("server"), ca_)) {}

  // What is said, which is one line.
  std::string Refusal() const {
    const absl::Status pems = ReadTlsPems(files_).status();
    const absl::Status context = MakeTlsContext(TLS_server_method(), files_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(pems)) << pems;
    EXPECT_EQ(pems, context);
    const std::string message(pems.message());
    EXPECT_THAT(message, Not(HasSubstr("\n")));
    return message;
  }

  const CertificateAuthority ca_{"ca"};
  TlsFiles files_;
};

TEST_F(TlsTest, ReadsWhatBelongsTogether) {
  const absl::StatusOr<TlsPems> pems = ReadTlsPems(files_);
  ASSERT_TRUE(pems.ok()) << pems.status();
  EXPECT_EQ(pems->ca, ca_.pem());
  files_.ca = "";
  EXPECT_TRUE(ReadTlsPems(files_).ok());
}

TEST_F(TlsTest, ReadsTheCertificatesBehindTheFirst) {
  const auto issued = ca_.Issue("server");
  WriteFile(files_.certificate, issued.certificate + "\n" + ca_.pem());
  WriteFile(files_.key, issued.key);
  const auto context = MakeTlsContext(TLS_server_method(), files_);
  ASSERT_TRUE(context.ok()) << context.status();
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context->get(), &chain);
  EXPECT_EQ(sk_X509_num(chain), 1);
}

TEST_F(TlsTest, SaysWhichFileIsNotThere) {
  const TlsFiles good = files_;
  for (std::string TlsFiles::*file :
       {&TlsFiles::certificate, &TlsFiles::key, &TlsFiles::ca}) {
    files_ = good;
    files_.*file = "/no/such.pem";
    EXPECT_THAT(Refusal(), HasSubstr("/no/such.pem: No such file"));
  }
  files_ = good;
  files_.certificate = ::testing::TempDir();  // a folder
  EXPECT_THAT(Refusal(), HasSubstr("Is a directory"));
}

TEST_F(TlsTest, SaysWhichFileIsBroken) {
  const auto issued = ca_.Issue("server");
  for (const std::string& broken :
       {std::string(), std::string("nothing of the kind"),
        issued.certificate.substr(0, issued.certificate.size() / 2), issued.key,
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n" +
            issued.certificate,
        issued.certificate + ca_.pem().substr(0, 200)}) {
    WriteFile(files_.certificate, broken);
    EXPECT_THAT(Refusal(), HasSubstr(files_.certificate + ": ")) << broken;
  }
  WriteFile(files_.certificate, issued.certificate);
  WriteFile(files_.key, issued.key.substr(0, issued.key.size() / 2));
  EXPECT_THAT(Refusal(), HasSubstr(files_.key + ": "));
  WriteFile(files_.key, issued.key);
  WriteFile(files_.ca, "");
  EXPECT_THAT(Refusal(), HasSubstr(files_.ca + ": "));
  WriteFile(files_.ca, std::string(2 << 20, 'x'));
  EXPECT_THAT(Refusal(), HasSubstr(files_.ca + ": the file is too large"));
}

TEST_F(TlsTest, RefusesAKeyOfAnotherCertificate) {
  WriteFile(files_.key, ca_.Issue("another").key);
  EXPECT_THAT(Refusal(), HasSubstr("the key is not that of the certificate"));
}

TEST_F(TlsTest, AsksNobodyForAPassphrase) {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  BIO* const file = BIO_new_file(files_.key.c_str(), "w");
  char passphrase[] = "secret";
  ASSERT_EQ(PEM_write_bio_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), passphrase, 6,
                                          nullptr, nullptr),
            1);
  BIO_free(file);
  EVP_PKEY_free(key);
  EXPECT_THAT(Refusal(), HasSubstr("no key without a passphrase"));
}

}  // namespace
}  // namespace chatter
