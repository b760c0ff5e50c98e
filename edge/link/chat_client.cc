#include "edge/link/chat_client.h"

#include <grpcpp/client_context.h>

#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "services/base/grpc_status.h"

namespace chatter::edge {
namespace {

constexpr std::chrono::seconds kDeadline{10};

template <typename Request, typename Response>
struct Call {
  grpc::ClientContext context;
  Request request;
  Response response;
  ChatClient::Done<Response> done;
};

class GrpcChatClient : public ChatClient {
 public:
  GrpcChatClient(asio::io_context& io, const std::shared_ptr<grpc::Channel>& channel)
      : io_(io), stub_(v1::ChatService::NewStub(channel)) {}

  // Completions come from gRPC's threads and must still find the loop.
  ~GrpcChatClient() override {
    absl::MutexLock lock(&mutex_);
    for (grpc::ClientContext* const context : in_flight_) context->TryCancel();
    const auto none_left = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return in_flight_.empty();
    };
    mutex_.Await(absl::Condition(&none_left));
  }

  void CreateUser(const std::string& authorization, v1::CreateUserRequest request,
                  Done<v1::CreateUserResponse> done) override {
    Start(&Async::CreateUser, authorization, std::move(request), std::move(done));
  }
  void IssueToken(const std::string& authorization, v1::IssueTokenRequest request,
                  Done<v1::IssueTokenResponse> done) override {
    Start(&Async::IssueToken, authorization, std::move(request), std::move(done));
  }
  void ListMessages(const std::string& authorization, v1::ListMessagesRequest request,
                    Done<v1::ListMessagesResponse> done) override {
    Start(&Async::ListMessages, authorization, std::move(request), std::move(done));
  }
  void ListConnections(const std::string& authorization,
                       v1::ListConnectionsRequest request,
                       Done<v1::ListConnectionsResponse> done) override {
    Start(&Async::ListConnections, authorization, std::move(request), std::move(done));
  }

 private:
  using Async = v1::ChatService::StubInterface::async_interface;
  template <typename Request, typename Response>
  using Method = void (Async::*)(grpc::ClientContext*, const Request*, Response*,
                                 std::function<void(grpc::Status)>);

  template <typename Request, typename Response>
  void Start(Method<Request, Response> method, const std::string& authorization,
             Request request, Done<Response> done) {
    auto call = std::make_shared<Call<Request, Response>>();
    call->request = std::move(request);
    call->done = std::move(done);
    call->context.AddMetadata("authorization", authorization);
    call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    {
      absl::MutexLock lock(&mutex_);
      in_flight_.insert(&call->context);
    }
    (static_cast<Async*>(stub_->async())->*method)(
        &call->context, &call->request, &call->response,
        [this, call](grpc::Status status) {
          asio::post(io_, [call, status = FromGrpc(status)] {
            if (status.ok()) {
              call->done(std::move(call->response));
            } else {
              call->done(status);
            }
          });
          absl::MutexLock lock(&mutex_);
          in_flight_.erase(&call->context);
        });
  }

  asio::io_context& io_;
  const std::unique_ptr<v1::ChatService::Stub> stub_;
  absl::Mutex mutex_;
  absl::flat_hash_set<grpc::ClientContext*> in_flight_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ChatClient> MakeChatClient(asio::io_context& io,
                                           std::shared_ptr<grpc::Channel> channel) {
  return std::make_unique<GrpcChatClient>(io, channel);
}

}  // namespace chatter::edge
