// Against a real mail server on loopback.
#include "services/base/error_mail.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "rapidjson/document.h"
#include "storage/testing/process.h"

namespace chatter {
namespace {

using ::chatter::testing::Process;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr absl::Duration kPatience = absl::Seconds(30);
constexpr char kAddress[] = "ops@app.example";
constexpr char kPassword[] = "pa55word";

class ErrorMailTest : public ::testing::Test {
 protected:
  ErrorMailTest() {
    folder_ = "/tmp/chatter-XXXXXX";
    PCHECK(mkdtemp(folder_.data()) != nullptr);
  }
  ~ErrorMailTest() override { std::filesystem::remove_all(folder_); }

  // With the mail server's own certificate as the one to believe.
  SmtpServer StartServer() {
    mail_server_ =
        Process::Start({{"/usr/bin/python3", "-B", "services/base/testing/smtp_server.py",
                         folder_, kAddress, kPassword},
                        {},
                        ""});
    const auto port = mail_server_->WaitForLine("listening on ", kPatience);
    CHECK(port.has_value()) << mail_server_->Output();
    return {"smtp://127.0.0.1:" + *port, kAddress, kPassword, folder_ + "/cert.pem"};
  }

  // The next mail that the server takes.
  std::string NextMail() {
    const auto line = mail_server_->WaitForLine("mail ", kPatience);
    CHECK(line.has_value()) << mail_server_->Output();
    rapidjson::Document mail;
    mail.Parse(line->c_str());
    EXPECT_STREQ(mail["from"].GetString(), kAddress);
    EXPECT_EQ(mail["to"].Size(), 1u);
    EXPECT_STREQ(mail["to"][0].GetString(), kAddress);
    return mail["content"].GetString();
  }

  FakeClock clock_;
  std::string folder_;
  std::unique_ptr<Process> mail_server_;
};

TEST_F(ErrorMailTest, MailsAnErrorAtOnceAndTheNextOnesAfterAMinute) {
  const ErrorMail mail("chatd", StartServer(), google::GLOG_ERROR, clock_);
  LOG(WARNING) << "not worth it";
  LOG(ERROR) << "the disk is full";
  std::string first = NextMail();
  EXPECT_THAT(first, HasSubstr("Subject: ERROR - chatter\r\n"));
  EXPECT_THAT(first, HasSubstr("To: <ops@app.example>\r\n"));
  EXPECT_THAT(first, HasSubstr("Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"));
  EXPECT_THAT(first, HasSubstr("chatd on "));
  EXPECT_THAT(first, HasSubstr("error_mail_test.cc"));
  EXPECT_THAT(first, HasSubstr("the disk is full\r\n"));
  EXPECT_THAT(first, Not(HasSubstr("not worth it")));
  EXPECT_THAT(first, Not(HasSubstr("held back")));

  for (int i = 0; i < 60; ++i) LOG(ERROR) << ".still full " << i;
  clock_.Advance(ErrorDigest::kGap);
  LOG(ERROR) << "one more";  // wakes it
  const std::string second = NextMail();
  EXPECT_THAT(second, Not(HasSubstr("the disk is full")));
  // A dot at the start of a line means something in SMTP: it must arrive all the same.
  EXPECT_THAT(second, HasSubstr(".still full 0\r\n"));
  EXPECT_THAT(second, HasSubstr(".still full 49\r\n"));
  EXPECT_THAT(second, HasSubstr("11 more lines were held back"));
}

TEST_F(ErrorMailTest, ALineThatIsTooLongForAMailIsCut) {
  const ErrorMail mail("chatd", StartServer(), google::GLOG_ERROR, clock_);
  LOG(ERROR) << "it begins " << std::string(5000, '.') << " and does not end";
  const std::string told = NextMail();
  EXPECT_THAT(told, HasSubstr("it begins ..."));
  EXPECT_THAT(told, Not(HasSubstr("does not end")));
}

// Waits for a line of the log, which it is not part of.
class AwaitedLine : public google::LogSink {
 public:
  explicit AwaitedLine(std::string_view text) : text_(text) { google::AddLogSink(this); }
  ~AwaitedLine() override { google::RemoveLogSink(this); }

  using google::LogSink::send;
  void send(google::LogSeverity, const char*, const char*, int,
            const google::LogMessageTime&, const char* message, size_t length) override {
    const bool found = std::string_view(message, length).find(text_) != text_.npos;
    if (found && !seen_.HasBeenNotified()) seen_.Notify();
  }

  bool Wait() { return seen_.WaitForNotificationWithTimeout(kPatience); }

 private:
  const std::string_view text_;
  absl::Notification seen_;
};

TEST_F(ErrorMailTest, TriesAgainAMinuteLaterWithWhatCameMeanwhile) {
  SmtpServer server = StartServer();
  const std::string certificate = std::exchange(server.ca_file, folder_ + "/later.pem");
  AwaitedLine failed("could not send a mail");
  const ErrorMail mail("chatd", server, google::GLOG_WARNING, clock_);
  LOG(ERROR) << "first";
  ASSERT_TRUE(failed.Wait());
  LOG(WARNING) << "second";
  std::filesystem::copy_file(certificate, server.ca_file);
  clock_.Advance(ErrorDigest::kGap);
  LOG(WARNING) << "third";
  const std::string told = NextMail();
  EXPECT_THAT(told, HasSubstr("Subject: ERROR - chatter\r\n"));
  EXPECT_THAT(told, ContainsRegex("first(.|\r|\n)*second(.|\r|\n)*third"));
  // That is about the mails themselves.
  EXPECT_THAT(told, Not(HasSubstr("could not send")));
}

TEST_F(ErrorMailTest, SendsToNobodyItCannotTrustOrLogInTo) {
  const SmtpServer right = StartServer();
  const std::atomic<bool> stop{false};
  const auto error = [&stop](const SmtpServer& server) {
    const absl::Status status = SendMail(server, "x\r\n", stop);
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    return std::string(status.message());
  };
  SmtpServer unknown = right;
  unknown.ca_file.clear();
  EXPECT_THAT(error(unknown), HasSubstr("certificate"));
  SmtpServer wrong = right;
  wrong.password = "wrong";
  EXPECT_THAT(error(wrong), HasSubstr("denied"));
  SmtpServer none = right;
  none.url = "smtp://127.0.0.1:1";
  EXPECT_THAT(error(none), HasSubstr("connect"));
  EXPECT_THAT(mail_server_->Output(), Not(HasSubstr("mail {")));
  EXPECT_TRUE(SendMail(right, "x\r\n", stop).ok());
}

// Accepts, and says nothing.
class SilentServer {
 public:
  SilentServer() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    PCHECK(bind(socket_, any, size) == 0 && listen(socket_, 10) == 0 &&
           getsockname(socket_, any, &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() {
    close(client_);
    close(socket_);
  }

  int port() const { return port_; }
  void AwaitClient() { client_ = accept(socket_, nullptr, nullptr); }

 private:
  const int socket_;
  int client_ = -1;
  int port_ = 0;
};

TEST_F(ErrorMailTest, AServerThatHangsHoldsNothingUp) {
  SilentServer silent;
  const absl::Time start = absl::Now();
  {
    const ErrorMail mail(
        "chatd", {absl::StrCat("smtp://127.0.0.1:", silent.port()), kAddress, "", ""},
        google::GLOG_ERROR, clock_);
    LOG(ERROR) << "first";
    silent.AwaitClient();
    for (int i = 0; i < 1000; ++i) LOG(ERROR) << "line " << i;
  }
  // The deadline of a mail is 30 s.
  EXPECT_LT(absl::Now() - start, absl::Seconds(15));
}

TEST(StartErrorMailTest, IsOffOrSaysWhatIsWrong) {
  const auto start = [](std::vector<const char*> args) {
    const absl::StatusOr<Settings> settings = Settings::Parse(
        EmailSettings(), args, [](const char*) -> const char* { return nullptr; });
    EXPECT_TRUE(settings.ok()) << settings.status();
    return StartErrorMail("chatd", *settings);
  };
  EXPECT_EQ(*start({}), nullptr);
  EXPECT_NE(*start({"--email-from=a@b.example"}), nullptr);
  for (const char* const address : {"nobody", "@b", "a@", "a b@c", "a@b>,<c@d"}) {
    EXPECT_THAT(std::string(start({"--email-from", address}).status().message()),
                HasSubstr("EMAIL_FROM"))
        << address;
  }
  EXPECT_THAT(
      std::string(
          start({"--email-from=a@b", "--email-smtp-url=http://x"}).status().message()),
      HasSubstr("EMAIL_SMTP_URL"));
}

}  // namespace
}  // namespace chatter
