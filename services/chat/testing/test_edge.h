#ifndef CHATTER_SERVICES_CHAT_TESTING_TEST_EDGE_H_
#define CHATTER_SERVICES_CHAT_TESTING_TEST_EDGE_H_

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <cstdint>
#include <memory>
#include <string>

#include "chatter/v1/edge.grpc.pb.h"

namespace chatter::chat {

// An edge with one thread, under the control of the test. Its stream may last 20 s.
class TestEdge {
 public:
  explicit TestEdge(v1::EdgeService::Stub& stub);
  // Cuts the stream, if it has not ended.
  ~TestEdge();

  void Hello(uint64_t session, const std::string& token);
  void Send(uint64_t session, const std::string& to, const std::string& text,
            const std::string& client_id = "", const std::string& from = "");
  void End(uint64_t session);
  void Write(const v1::EdgeBatch& batch) { stream_->Write(batch); }

  // The next delivery as Describe puts it, or "end: <status code>".
  std::string Next();
  // That delivery.
  const v1::Delivery& last() const { return last_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::EdgeBatch, v1::ChatBatch>> stream_;
  v1::ChatBatch batch_;
  int next_ = 0;
  v1::Delivery last_;
  bool ended_ = false;
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_TESTING_TEST_EDGE_H_
