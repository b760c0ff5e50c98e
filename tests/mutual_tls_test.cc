// Mutual TLS between edged and chatd, and between services and chatd.
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <openssl/ssl.h>
#include <signal.h>

#include <map>
#include <memory>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "services/base/health_client.h"
#include "services/base/testing/certificates.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

using Environment = std::map<std::string, std::string>;

Environment ChatTls(const TlsFiles& files) {
  return {{"CHAT_TLS_CERT", files.certificate},
          {"CHAT_TLS_KEY", files.key},
          {"CHAT_TLS_CA", files.ca}};
}

class MutualTlsTest : public ::testing::Test {
 protected:
  MutualTlsTest()
      : folder_(::testing::TempDir()),
        chatd_(WriteTlsFiles(folder_, "chatd", ca_.Issue("chatd"), ca_)),
        edged_(WriteTlsFiles(folder_, "edged", ca_.Issue("edged"), ca_)) {
    options_.chat_over_tcp = true;
    options_.chatd = ChatTls(chatd_);
    options_.edged = ChatTls(edged_);
    options_.edged["EDGE_THREADS"] = "1";
  }

  void Start() { cluster_ = std::make_unique<Cluster>(options_); }

  int chatd_port() const {
    int port;
    EXPECT_TRUE(absl::SimpleAtoi(cluster_->chat_target().substr(10), &port));
    return port;
  }

  // `client` may lack a certificate, or everything.
  absl::Status HealthWith(const std::shared_ptr<grpc::ChannelCredentials>& client) {
    return AskHealth(grpc::CreateChannel(cluster_->chat_target(), client), kTestDeadline);
  }
  std::shared_ptr<grpc::ChannelCredentials> Client(
      const CertificateAuthority::Issued& issued) {
    return grpc::SslCredentials({ca_.pem(), issued.key, issued.certificate});
  }

  // Whose certificate new clients of chatd see.
  std::string Shown() {
    const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_client_method()),
                                           SSL_CTX_free);
    TcpClient client({chatd_port(), context});
    char name[100] = "";
    X509* const certificate = SSL_get1_peer_certificate(client.tls());
    if (certificate == nullptr) return "nobody's";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof(name));
    X509_free(certificate);
    return name;
  }

  // What an edge with these settings says about the chat service.
  std::string EdgeSays(const Environment& environment) {
    Environment all = {{"HOST", "127.0.0.1"},
                       {"PORT", "0"},
                       {"EDGE_THREADS", "1"},
                       {"CHAT_TARGET", cluster_->chat_target()}};
    for (const auto& [name, value] : environment) all[name] = value;
    const auto edged = Process::Start({{"edge/edged"}, all, ""});
    return edged->WaitForLine("attached to the chat service", kTestDeadline)
        .value_or(edged->Output());
  }

  void ExpectEcho(const std::string& name) {
    const Person person = cluster_->NewPerson(name, name);
    const auto socket = cluster_->Connect(person);
    socket->SendMessage(name, "hello");
    EXPECT_EQ(socket->ReadJsonWith("id")["message"], "hello");
  }

  const CertificateAuthority ca_{"ca"};
  const CertificateAuthority stranger_{"stranger"};
  const std::string folder_;
  const TlsFiles chatd_;
  const TlsFiles edged_;
  ClusterOptions options_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(MutualTlsTest, MessagesAndRestWorkAsWithoutIt) {
  options_.edged["MAX_SEND_BUFFER_BYTES"] = "67108864";  // they are read in turns below
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const Person bob = cluster_->NewPerson("bob", "g");
  const auto alices = cluster_->Connect(alice), bobs = cluster_->Connect(bob);
  const std::string text(50'000, 'x');
  // Without waiting for answers, both ways at once: more than the buffers on the way
  // hold.
  constexpr int kMessages = 200;
  for (int i = 0; i < kMessages; ++i) ASSERT_TRUE(alices->SendMessage("bob", text));
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_EQ(alices->ReadJsonWith("id")["message"].GetStringLength(), text.size());
    ASSERT_EQ(bobs->ReadJsonWith("id")["message"].GetStringLength(), text.size());
  }
  // A history of several MiB comes whole.
  const HttpReply history =
      Ask(cluster_->port(), "GET", "/messages?from=bob&to=alice&limit=130",
          {bob.authorization});
  EXPECT_EQ(history.status, 200);
  EXPECT_GT(history.body.size(), 130 * text.size());
}

TEST_F(MutualTlsTest, OnlyClientsWithTheRightCertificateAreServed) {
  Start();
  EXPECT_EQ(HealthWith(Client(ca_.Issue("service"))), absl::OkStatus());
  for (const auto& refused :
       {grpc::SslCredentials({ca_.pem(), "", ""}), Client(stranger_.Issue("service")),
        grpc::InsecureChannelCredentials()}) {
    const absl::Status status = HealthWith(refused);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  }
  for (int i = 0; i < 100; ++i) {
    TcpClient noise(chatd_port());
    noise.Send(i % 2 == 0 ? std::string("\x16\x03\x01\x02\x00\x01 not at all", 17)
                          : std::string(1000, static_cast<char>(i)));
    noise.FinishSending();
  }
  ExpectEcho("alice");
  // A line for a thousand.
  const std::string output = cluster_->chatd().Output();
  const size_t first = output.find("andshake failed");
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(output.find("\n", output.find("\n", first) + 1), std::string::npos) << output;
}

TEST_F(MutualTlsTest, AnEdgeTalksToTheRightChatdOnly) {
  Start();
  EXPECT_EQ(EdgeSays(ChatTls(edged_)), "");  // nothing behind that
  Environment wrong_name = ChatTls(edged_);
  wrong_name["CHAT_TLS_NAME"] = "other.example";
  EXPECT_THAT(EdgeSays(wrong_name), HasSubstr("TLS: hostname mismatch"));
  Environment right_name = ChatTls(edged_);
  right_name["CHAT_TLS_NAME"] = "localhost";
  EXPECT_EQ(EdgeSays(right_name), "");
  const TlsFiles trusts_others =
      WriteTlsFiles(folder_, "trusts_others", ca_.Issue("edged"), stranger_);
  EXPECT_THAT(EdgeSays(ChatTls(trusts_others)),
              HasSubstr("TLS: self-signed certificate in certificate chain"));
  const TlsFiles not_wanted =
      WriteTlsFiles(folder_, "not_wanted", stranger_.Issue("edged"), ca_);
  EXPECT_THAT(EdgeSays(ChatTls(not_wanted)), HasSubstr("does not take our certificate"));
}

TEST_F(MutualTlsTest, TheEdgeComesBackWithTheCertificatesOfNow) {
  Start();
  ExpectEcho("alice");
  cluster_->StopChatd();
  // As when the CA has been replaced, at both ends.
  WriteTlsFiles(folder_, "chatd", stranger_.Issue("chatd"), stranger_);
  WriteTlsFiles(folder_, "edged", stranger_.Issue("edged"), stranger_);
  cluster_->StartChatd();
  cluster_->WaitUntilReady();
  ExpectEcho("bob");
}

TEST_F(MutualTlsTest, AHangupBringsChatdsNewCertificateAndKeepsWhatIsOpen) {
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const auto socket = cluster_->Connect(alice);
  EXPECT_EQ(Shown(), "chatd");
  WriteTlsFiles(folder_, "chatd", ca_.Issue("renewed"), ca_);
  EXPECT_EQ(Shown(), "chatd");
  cluster_->chatd().Signal(SIGHUP);
  ASSERT_TRUE(cluster_->chatd().WaitForLine("new connections get", kTestDeadline));
  EXPECT_EQ(Shown(), "renewed");
  WriteFile(chatd_.certificate, "nothing");
  cluster_->chatd().Signal(SIGHUP);
  const auto why = cluster_->chatd().WaitForLine("certificate stays", kTestDeadline);
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr(chatd_.certificate));
  EXPECT_EQ(Shown(), "renewed");
  EXPECT_EQ(HealthWith(Client(ca_.Issue("service"))), absl::OkStatus());
  socket->SendMessage("alice", "still here");
  EXPECT_EQ(socket->ReadJsonWith("id")["message"], "still here");
}

TEST_F(MutualTlsTest, ACheckSaysWhetherTheCertificatesCanBeUsed) {
  Start();
  const auto check = [](const std::string& program, Environment environment) {
    environment["DATABASE_URL"] = "sqlite:" + ::testing::TempDir() + "/check.db";
    environment["VERIFICATION_URL"] = "http://127.0.0.1:1/";
    // The report goes to stdout; the shell sends it where a test reads.
    const auto process =
        Process::Start({{"sh", "-c", program + " --check >&2"}, environment, ""});
    EXPECT_TRUE(process->Wait(kTestDeadline).has_value());
    return process->Output();
  };
  const std::string edged = "edge/edged", chatd = "services/chat/chatd";
  Environment edge = ChatTls(edged_);
  edge["CHAT_TARGET"] = cluster_->chat_target();
  EXPECT_THAT(check(edged, edge), HasSubstr("ok      CHAT_TARGET: "));
  edge["CHAT_TLS_NAME"] = "other.example";
  EXPECT_THAT(check(edged, edge), HasSubstr("FAILED  CHAT_TARGET: "));
  EXPECT_THAT(check(chatd, ChatTls(chatd_)), HasSubstr("ok      CHAT_TLS_CERT: "));
  WriteFile(chatd_.key, "no key");
  EXPECT_THAT(check(chatd, ChatTls(chatd_)),
              HasSubstr("FAILED  CHAT_TLS_CERT: " + chatd_.key));
}

TEST_F(MutualTlsTest, WhatCannotBeUsedStopsTheStart) {
  const auto says = [](const std::string& program, const Environment& environment) {
    const auto process = Process::Start({{program}, environment, ""});
    EXPECT_NE(process->Wait(kTestDeadline).value_or(0), 0);
    return process->Output();
  };
  const std::string edged = "edge/edged", chatd = "services/chat/chatd";
  Environment half = {{"CHAT_TLS_CERT", chatd_.certificate},
                      {"CHAT_TLS_KEY", chatd_.key},
                      {"VERIFICATION_URL", "http://127.0.0.1:1/"},
                      {"DATABASE_URL", "sqlite::memory:"}};
  EXPECT_THAT(says(edged, half), HasSubstr("CHAT_TLS_CA go together: set all of them"));
  EXPECT_THAT(says(chatd, half), HasSubstr("CHAT_TLS_CA go together: set all of them"));
  Environment unix_socket = ChatTls(edged_);
  unix_socket["CHAT_TARGET"] = "unix:/tmp/x";
  EXPECT_THAT(says(edged, unix_socket), HasSubstr("not for a path"));
  Environment open = half;
  open.erase("CHAT_TLS_CERT");
  open.erase("CHAT_TLS_KEY");
  open["CHAT_LISTEN"] = "0.0.0.0:0";
  open["DATABASE_URL"] = "sqlite:" + folder_ + "/open.db";
  EXPECT_THAT(says(chatd, open), HasSubstr("without mutual TLS only on loopback"));
  open["CHAT_ALLOW_INSECURE"] = "1";
  const auto allowed = Process::Start({{chatd}, open, ""});
  EXPECT_TRUE(allowed->WaitForLine("listening on 0.0.0.0:", kTestDeadline).has_value());
}

}  // namespace
}  // namespace chatter::testing
