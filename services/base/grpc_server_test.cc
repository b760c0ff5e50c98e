#include "services/base/grpc_server.h"

#include <grpcpp/channel.h>
#include <grpcpp/create_channel.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/testing/certificates.h"

namespace chatter {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::unique_ptr<RunningGrpcServer>> StartOn(const std::string& address) {
  grpc::ServerBuilder builder;
  return StartGrpcServer(builder, {address});
}

bool IsReached(const std::string& target) {
  return grpc::CreateChannel(target, grpc::InsecureChannelCredentials())
      ->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10));
}

class GrpcServerTest : public ::testing::Test {
 protected:
  GrpcServerTest() : socket_(absl::StrCat("/tmp/chatter-test-", getpid(), ".sock")) {}
  ~GrpcServerTest() override { unlink(socket_.c_str()); }

  const std::string socket_;
};

TEST_F(GrpcServerTest, TellsThePortThatTheKernelChose) {
  const auto running = StartOn("127.0.0.1:0");
  ASSERT_TRUE(running.ok()) << running.status();
  ASSERT_EQ((*running)->addresses().size(), 1u);
  EXPECT_THAT((*running)->addresses()[0],
              ::testing::MatchesRegex("127.0.0.1:[1-9][0-9]*"));
  EXPECT_TRUE(IsReached((*running)->addresses()[0]));
}

TEST_F(GrpcServerTest, ListensForTheSameHostOnly) {
  for (const std::string address :
       {"0.0.0.0:0", "192.168.1.1:50051", "[::]:0", "example.com:1",
        "127.0.0.1.example.com:0", "nonsense", "", "127.0.0.1", "127.0.0.1:99999",
        "unix:"}) {
    const absl::Status status = StartOn(address).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << address << ": " << status;
  }
}

TEST_F(GrpcServerTest, ListensForOthersWhenItIsToldTo) {
  grpc::ServerBuilder builder;
  GrpcSecurity security;
  security.allow_insecure = true;
  EXPECT_TRUE(StartGrpcServer(builder, {"0.0.0.0:0"}, security).ok());
}

TEST_F(GrpcServerTest, ListensForOthersWithMutualTls) {
  const testing::CertificateAuthority ca("ca");
  GrpcSecurity security;
  security.tls =
      testing::WriteTlsFiles(::testing::TempDir(), "grpc", ca.Issue("server"), ca);
  grpc::ServerBuilder builder;
  const auto running =
      StartGrpcServer(builder, {"0.0.0.0:0", "unix:" + socket_}, security);
  ASSERT_TRUE(running.ok()) << running.status();
  // A Unix socket is as it was; the other one has nothing to say without TLS.
  EXPECT_TRUE(IsReached("unix:" + socket_));
  testing::WriteFile(security.tls.key, "no key");
  grpc::ServerBuilder another;
  const absl::Status broken = StartGrpcServer(another, {"0.0.0.0:0"}, security).status();
  EXPECT_TRUE(absl::IsInvalidArgument(broken)) << broken;
  EXPECT_THAT(std::string(broken.message()), HasSubstr(security.tls.key));
}

TEST_F(GrpcServerTest, ATakenPortIsSaid) {
  const auto first = StartOn("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const absl::Status second = StartOn((*first)->addresses()[0]).status();
  EXPECT_TRUE(absl::IsUnavailable(second)) << second;
  EXPECT_THAT(std::string(second.message()), HasSubstr((*first)->addresses()[0]));
}

TEST_F(GrpcServerTest, ReplacesASocketFileThatNobodyListensOn) {
  const std::string address = "unix:" + socket_;
  {
    const auto running = StartOn(address);
    ASSERT_TRUE(running.ok()) << running.status();
    EXPECT_TRUE(IsReached(address));
    // Somebody listens.
    EXPECT_TRUE(absl::IsUnavailable(StartOn(address).status()));
    EXPECT_TRUE(IsReached(address));
    // As if the process had been killed: the file stays.
    ASSERT_EQ(link(socket_.c_str(), (socket_ + ".kept").c_str()), 0);
    (*running)->Shutdown(absl::ZeroDuration());
  }
  unlink(socket_.c_str());
  ASSERT_EQ(rename((socket_ + ".kept").c_str(), socket_.c_str()), 0);
  const auto again = StartOn(address);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(IsReached(address));
}

}  // namespace
}  // namespace chatter
