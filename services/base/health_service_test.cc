#include "services/base/health_service.h"

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace chatter {
namespace {

using ::grpc::health::v1::Health;
using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;

HealthCheckRequest For(const std::string& service) {
  HealthCheckRequest request;
  request.set_service(service);
  return request;
}

class HealthServiceTest : public ::testing::Test {
 protected:
  // A watch on the way, which ends with it.
  struct Watch {
    Watch(Health::Stub& stub, const std::string& service)
        : reader(stub.Watch(&context, For(service))) {}
    ~Watch() {
      context.TryCancel();
      End();
    }
    // How it ended, or ends when cancelled.
    grpc::StatusCode End() {
      if (ended) return code;
      HealthCheckResponse ignored;
      while (reader->Read(&ignored)) {
      }
      ended = true;
      return code = reader->Finish().error_code();
    }
    // Its next status; -1 when it has ended.
    int Next() {
      HealthCheckResponse response;
      return reader->Read(&response) ? response.status() : -1;
    }

    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<HealthCheckResponse>> reader;
    bool ended = false;
    grpc::StatusCode code = grpc::StatusCode::OK;
  };

  HealthServiceTest() {
    grpc::ServerBuilder builder;
    builder.RegisterService(&health_);
    server_ = builder.BuildAndStart();
    stub_ = Health::NewStub(server_->InProcessChannel({}));
  }
  ~HealthServiceTest() override {
    health_.Stop();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    return stub_->Check(&context, For(service), &response);
  }

  HealthService health_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<Health::Stub> stub_;
};

TEST_F(HealthServiceTest, TheServerServesUntilItStops) {
  HealthCheckResponse response;
  EXPECT_TRUE(Check("", response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  health_.Stop();
  EXPECT_TRUE(Check("", response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(HealthServiceTest, NoOtherServiceIsKnown) {
  HealthCheckResponse response;
  EXPECT_EQ(Check("chatter.v1.ChatService", response).error_code(),
            grpc::StatusCode::NOT_FOUND);
  Watch watch(*stub_, "chatter.v1.ChatService");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVICE_UNKNOWN);
}

TEST_F(HealthServiceTest, AWatchHearsOfTheStopAndEnds) {
  Watch watch(*stub_, "");
  EXPECT_EQ(watch.Next(), HealthCheckResponse::SERVING);
  health_.Stop();
  EXPECT_EQ(watch.Next(), HealthCheckResponse::NOT_SERVING);
  EXPECT_EQ(watch.Next(), -1);
  EXPECT_EQ(watch.End(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(HealthServiceTest, AHundredWatchAndOneMoreWhenSomebodyHasLeft) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (int i = 0; i < 100; ++i) {
    watches.push_back(std::make_unique<Watch>(*stub_, ""));
    ASSERT_EQ(watches.back()->Next(), HealthCheckResponse::SERVING) << i;
  }
  {
    Watch refused(*stub_, "");
    EXPECT_EQ(refused.Next(), -1);
    EXPECT_EQ(refused.End(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  }
  watches.pop_back();
  // It is noticed within a second.
  int next = -1;
  while (next == -1) next = Watch(*stub_, "").Next();
  EXPECT_EQ(next, HealthCheckResponse::SERVING);
}

}  // namespace
}  // namespace chatter
