#include "edge/link/chat_client.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <asio/post.hpp>
#include <chrono>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "chatter/v1/chat.grpc.pb.h"
#include "services/base/completion_tag.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"

namespace chatter::edge {
namespace {

constexpr std::chrono::seconds kDeadline{10};

// A call on its way.
struct AnyCall {
  explicit AnyCall(absl::AnyInvocable<void(bool ok)> finished)
      : tag(std::move(finished)) {}
  virtual ~AnyCall() = default;

  grpc::ClientContext context;
  grpc::Status status;
  CompletionTag tag;
};

template <typename Response>
struct Call : AnyCall {
  using AnyCall::AnyCall;

  Response response;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> reader;
  std::string request_id;
  ChatClient::Done<Response> done;
};

class GrpcChatClient : public ChatClient {
 public:
  explicit GrpcChatClient(ChatConnection& connection) : connection_(connection) {}

  ~GrpcChatClient() override {
    ending_ = true;
    for (const auto& [key, call] : calls_) call->context.TryCancel();
    void* tag;
    bool ok;
    while (!calls_.empty() && connection_.queue()->Next(&tag, &ok)) {
      static_cast<CompletionTag*>(tag)->Run(ok);
    }
  }

  void CreateUser(const std::string& authorization, v1::CreateUserRequest request,
                  Done<v1::CreateUserResponse> done) override {
    Start(&Stub::AsyncCreateUser, authorization, request, std::move(done));
  }
  void IssueToken(const std::string& authorization, v1::IssueTokenRequest request,
                  Done<v1::IssueTokenResponse> done) override {
    Start(&Stub::AsyncIssueToken, authorization, request, std::move(done));
  }
  void ListMessages(const std::string& authorization, v1::ListMessagesRequest request,
                    Done<v1::ListMessagesResponse> done) override {
    Start(&Stub::AsyncListMessages, authorization, request, std::move(done));
  }
  void ListConnections(const std::string& authorization,
                       v1::ListConnectionsRequest request,
                       Done<v1::ListConnectionsResponse> done) override {
    Start(&Stub::AsyncListConnections, authorization, request, std::move(done));
  }

 private:
  using Stub = v1::ChatService::Stub;
  template <typename Request, typename Response>
  using Method = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

  template <typename Request, typename Response>
  void Start(Method<Request, Response> method, const std::string& authorization,
             const Request& request, Done<Response> done) {
    std::string request_id(RequestScope::current());
    if (connection_.channel() == nullptr) {
      asio::post(connection_.io(), [done = std::move(done), id = std::move(request_id)] {
        const RequestScope scope(id);
        done(absl::UnavailableError("The chat service is away"));
      });
      return;
    }
    if (channel_ != connection_.channel()) {
      channel_ = connection_.channel();
      stub_ = v1::ChatService::NewStub(channel_);
    }
    auto* const call = new Call<Response>([this, key = ++last_key_](bool) {
      // Its own code is running: it goes when the next one ends.
      ended_ = std::move(calls_.extract(key).mapped());
      Finish(static_cast<Call<Response>&>(*ended_));
    });
    calls_.emplace(last_key_, call);
    call->done = std::move(done);
    call->context.AddMetadata("authorization", authorization);
    if (!request_id.empty()) call->context.AddMetadata(kRequestIdMetadata, request_id);
    call->request_id = std::move(request_id);
    call->context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    call->reader = (stub_.get()->*method)(&call->context, request, connection_.queue());
    call->reader->Finish(&call->response, &call->status, &call->tag);
    // It may have failed already.
    asio::post(connection_.io(), [connection = &connection_] { connection->Poll(); });
  }

  template <typename Response>
  void Finish(Call<Response>& call) {
    if (ending_) return;
    const RequestScope scope(call.request_id);
    if (call.status.ok()) {
      call.done(std::move(call.response));
    } else {
      call.done(FromGrpc(call.status));
    }
  }

  ChatConnection& connection_;
  std::shared_ptr<grpc::Channel> channel_;  // of stub_
  std::unique_ptr<Stub> stub_;
  bool ending_ = false;
  int64_t last_key_ = 0;
  absl::flat_hash_map<int64_t, std::unique_ptr<AnyCall>> calls_;
  std::unique_ptr<AnyCall> ended_;
};

}  // namespace

std::unique_ptr<ChatClient> MakeChatClient(ChatConnection& connection) {
  return std::make_unique<GrpcChatClient>(connection);
}

}  // namespace chatter::edge
