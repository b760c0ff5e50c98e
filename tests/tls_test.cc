// https and wss: the whole of Chatter behind an edge that has certificates.
#include <openssl/ssl.h>
#include <signal.h>

#include <fstream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "services/base/testing/certificates.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;

// For files that are there before the cluster is.
class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    folder_ = ::testing::TempDir();
    files_ = WriteTlsFiles(folder_, "tls_test", ca_.Issue("first"), ca_);
    client_.reset(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
    SSL_CTX_set_verify(client_.get(), SSL_VERIFY_PEER, nullptr);
    EXPECT_EQ(SSL_CTX_load_verify_file(client_.get(), files_.ca.c_str()), 1);
    options_.edged = {{"TLS_CERT", files_.certificate}, {"TLS_KEY", files_.key}};
    options_.tls = client_;
  }

  void Start() { cluster_ = std::make_unique<Cluster>(options_); }

  // Whose certificate new clients see.
  std::string Shown() {
    TcpClient client(cluster_->edge());
    char name[100] = "";
    X509* const certificate = SSL_get1_peer_certificate(client.tls());
    if (certificate == nullptr) return "nobody's";
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name,
                              sizeof(name));
    X509_free(certificate);
    return name;
  }

  void ExpectEcho(WebSocketClient& socket, const std::string& to,
                  const std::string& text) {
    socket.SendMessage(to, text);
    const rapidjson::Document json = socket.ReadJsonWith("id");
    ASSERT_TRUE(json.HasMember("message"));
    EXPECT_EQ(json["message"].GetString(), text);
  }

  const CertificateAuthority ca_{"ca"};
  std::string folder_;
  TlsFiles files_;
  std::shared_ptr<SSL_CTX> client_;
  ClusterOptions options_;
  std::unique_ptr<Cluster> cluster_;
};

TEST_F(TlsTest, EverythingWorksAsWithoutIt) {
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const Person bob = cluster_->NewPerson("bob", "g");
  const auto alices = cluster_->Connect(alice), bobs = cluster_->Connect(bob);
  // A frame of several records; its echo, and Bob's copy.
  const std::string text(60'000, 'x');
  ExpectEcho(*alices, "bob", text);
  EXPECT_EQ(bobs->ReadJsonWith("id")["message"].GetString(), text);
  // A history of several MiB comes whole.
  for (int i = 0; i < 50; ++i) ExpectEcho(*alices, "bob", text);
  const HttpReply history =
      Ask(cluster_->edge(), "GET", "/messages?from=bob&to=alice", {bob.authorization});
  EXPECT_EQ(history.status, 200);
  EXPECT_GT(history.body.size(), 51 * text.size());
  // The page.
  const HttpReply page = Ask(cluster_->edge(), "GET", "/");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.headers.at("content-type"), "text/html; charset=utf-8");
}

TEST_F(TlsTest, CurlIsContent) {
  Start();
  const auto curl = Process::Start(
      {{"sh", "-c",
        absl::StrCat("curl -sS --cacert ", files_.ca, " -w '%{http_version}' ",
                     "https://localhost:", cluster_->port(), "/healthz >&2")},
       {},
       ""});
  EXPECT_EQ(curl->Wait(kTestDeadline), 0);
  EXPECT_THAT(curl->Output(), HasSubstr("Health OK"));
  EXPECT_THAT(curl->Output(), HasSubstr("1.1"));
}

TEST_F(TlsTest, OnlyPagesThatCameByHttpsAreOfTheSameOrigin) {
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const auto status_with = [&](const std::string& origin) {
    HttpReply refusal{101, {}, ""};
    WebSocketClient::Connect(cluster_->edge(), cluster_->TokenFor(alice), &refusal,
                             {"Origin: " + origin});
    return refusal.status;
  };
  EXPECT_EQ(status_with("https://localhost"), 101);
  EXPECT_EQ(status_with("https://localhost:443"), 101);
  EXPECT_EQ(status_with("http://localhost"), 403);
  EXPECT_EQ(status_with("https://localhost:8443"), 403);
  EXPECT_EQ(status_with("https://other.example"), 403);
}

TEST_F(TlsTest, AHangupBringsTheNewCertificateAndKeepsWhatIsOpen) {
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const Person bob = cluster_->NewPerson("bob", "h");
  const auto socket = cluster_->Connect(alice);
  EXPECT_EQ(Shown(), "first");
  WriteTlsFiles(folder_, "tls_test", ca_.Issue("second"), ca_);
  EXPECT_EQ(Shown(), "first");
  cluster_->edged().Signal(SIGHUP);
  ASSERT_TRUE(cluster_->edged().WaitForLine("new connections get", kTestDeadline));
  // Each thread takes it at a turn of its own.
  while (Shown() != "second") {
  }
  ExpectEcho(*socket, "alice", "over the first");
  ExpectEcho(*cluster_->Connect(bob), "bob", "over the second");

  // What cannot be used changes nothing.
  WriteFile(files_.key, ca_.Issue("another").key);
  cluster_->edged().Signal(SIGHUP);
  const auto why = cluster_->edged().WaitForLine("the certificate stays", kTestDeadline);
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr(files_.key + ": the key is not that of the certificate"));
  EXPECT_EQ(unlink(files_.certificate.c_str()), 0);
  cluster_->edged().Signal(SIGHUP);
  ASSERT_TRUE(cluster_->edged().WaitForLine("No such file", kTestDeadline).has_value());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Shown(), "second");
  ExpectEcho(*socket, "alice", "still over the first");
}

TEST_F(TlsTest, AHangupWithoutTlsChangesNothing) {
  options_ = {};
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const auto socket = cluster_->Connect(alice);
  for (Process* const process : {&cluster_->edged(), &cluster_->chatd()}) {
    process->Signal(SIGHUP);
    EXPECT_TRUE(process->WaitForLine("got Hangup", kTestDeadline).has_value());
  }
  ExpectEcho(*socket, "alice", "still here");
}

TEST_F(TlsTest, AReaderThatIsTooSlowIsClosedAndNobodyElseNotices) {
  options_.edged["MAX_SEND_BUFFER_BYTES"] = "65536";
  options_.edged["EDGE_THREADS"] = "1";
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const Person bob = cluster_->NewPerson("bob", "g");
  const auto deaf = cluster_->Connect(bob, 4096);
  const auto from = cluster_->Connect(alice);
  const std::string text(50'000, 'x');
  for (int sent = 0;; ++sent) {
    ASSERT_LT(sent, 500);
    from->SendMessage("bob", text);
    // The echo, or that Bob has gone.
    const rapidjson::Document json = from->ReadJson();
    ASSERT_FALSE(json.HasMember("closed"));
    if (json.HasMember("username")) break;
  }
  // Its last frames are whole.
  EXPECT_EQ(deaf->ReadUntilClosed(), 1013);
}

TEST_F(TlsTest, HandshakesThatFailHurtNobody) {
  options_.edged["EDGE_THREADS"] = "1";
  Start();
  const Person alice = cluster_->NewPerson("alice", "g");
  const auto socket = cluster_->Connect(alice);
  for (int i = 0; i < 300; ++i) {
    TcpClient noise(cluster_->port());
    noise.Send(i % 3 == 0   ? std::string("\x16\x03\x01\x02\x00\x01 not at all", 17)
               : i % 3 == 1 ? "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
                            : std::string(1000, static_cast<char>(i)));
    noise.FinishSending();
    noise.ReceiveAll();
  }
  ExpectEcho(*socket, "alice", "still here");
  // A line for a thousand.
  const std::string output = cluster_->edged().Output();
  const std::string line = "TLS handshake failed";
  const size_t first = output.find(line);
  EXPECT_NE(first, std::string::npos);
  EXPECT_EQ(output.find(line, first + 1), std::string::npos);
}

TEST_F(TlsTest, WhatCannotBeUsedStopsTheStart) {
  const auto says = [](const std::map<std::string, std::string>& environment,
                       int exit_code) {
    const auto edged = Process::Start({{"edge/edged"}, environment, ""});
    EXPECT_EQ(edged->Wait(kTestDeadline), exit_code);
    return edged->Output();
  };
  EXPECT_EQ(says({{"TLS_CERT", files_.certificate}}, 2),
            "edged: TLS_CERT and TLS_KEY go together: set both\n");
  EXPECT_EQ(says({{"TLS_KEY", files_.key}}, 2),
            "edged: TLS_CERT and TLS_KEY go together: set both\n");
  EXPECT_EQ(says({{"PORT", "0"}, {"TLS_CERT", "/no/such"}, {"TLS_KEY", files_.key}}, 1),
            "edged: /no/such: No such file or directory\n");
}

}  // namespace
}  // namespace chatter::testing
