#ifndef CHATTER_SERVICES_CHAT_UNARY_METHOD_H_
#define CHATTER_SERVICES_CHAT_UNARY_METHOD_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "services/base/completion_tag.h"
#include "services/base/grpc_status.h"
#include "services/base/log.h"
#include "services/base/protocol.h"
#include "services/chat/call_log.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/rpc_loop.h"

namespace chatter::chat {

// A call with one request and one answer. Owns itself until it is answered.
template <typename Request, typename Response>
class UnaryCall {
 public:
  const grpc::ServerContext& context() const { return context_; }
  const Request& request() const { return request_; }
  Response& response() { return response_; }
  // "" when the client gave none.
  std::string_view request_id() const { return RequestIdOf(context_); }

  // Answers, with the response when the status is OK, and with kRetryAfterMetadata when
  // the status has it. Once, on any thread; the call must not be touched afterwards.
  void Finish(const absl::Status& status) {
    metrics_.Add(status.raw_code());
    if (!status.ok()) LogFailure(method_, request_id(), status);
    if (const auto retry_after = status.GetPayload(kRetryAfterMetadata)) {
      context_.AddTrailingMetadata(kRetryAfterMetadata, std::string(*retry_after));
    }
    responder_.Finish(response_, ToGrpc(status), &finished_);
  }

 private:
  template <typename, typename, typename>
  friend class UnaryMethod;

  UnaryCall(RpcLoop& loop, std::string_view method, RpcMetrics& metrics)
      : method_(method), metrics_(metrics), finished_([this, &loop](bool) {
          loop.ReleaseLater(std::shared_ptr<UnaryCall>(this));
          loop.OnCallEnded();
        }) {}

  const std::string_view method_;
  RpcMetrics& metrics_;
  grpc::ServerContext context_;
  Request request_;
  Response response_;
  grpc::ServerAsyncResponseWriter<Response> responder_{&context_};
  CompletionTag finished_;
};

// Accepts the calls of one method, all of them, on the loop's thread. Outlives the loop's
// thread.
template <typename Service, typename Request, typename Response>
class UnaryMethod {
 public:
  using Call = UnaryCall<Request, Response>;
  // Of the generated service: Service::Request<Method>.
  using Accept = void (Service::*)(grpc::ServerContext*, Request*,
                                   grpc::ServerAsyncResponseWriter<Response>*,
                                   grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                   void*);
  // Finishes the call, now or later.
  using Handler = std::function<void(Call&)>;

  // `name`: for the log; a literal.
  UnaryMethod(RpcLoop& loop, std::string_view name, RpcMetrics& metrics, Service& service,
              Accept accept, Handler handler)
      : loop_(loop),
        name_(name),
        metrics_(metrics),
        service_(service),
        accept_(accept),
        handler_(std::move(handler)) {}

  void AcceptNext() {
    accepting_.reset(new Call(loop_, name_, metrics_));
    (service_.*accept_)(&accepting_->context_, &accepting_->request_,
                        &accepting_->responder_, loop_.queue(), loop_.queue(),
                        &accept_tag_);
  }

 private:
  void OnAccepted(bool ok) {
    std::unique_ptr<Call> call = std::move(accepting_);
    if (!ok) return;  // the server shuts down
    AcceptNext();
    loop_.OnCallBegun();
    const RequestScope scope(call->request_id());
    handler_(*call.release());
  }

  RpcLoop& loop_;
  const std::string_view name_;
  RpcMetrics& metrics_;
  Service& service_;
  const Accept accept_;
  const Handler handler_;
  CompletionTag accept_tag_{[this](bool ok) { OnAccepted(ok); }};
  std::unique_ptr<Call> accepting_;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_UNARY_METHOD_H_
