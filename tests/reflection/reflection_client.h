#ifndef CHATTER_TESTS_REFLECTION_REFLECTION_CLIENT_H_
#define CHATTER_TESTS_REFLECTION_REFLECTION_CLIENT_H_

#include <google/protobuf/descriptor.h>
#include <google/protobuf/dynamic_message.h>
#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "reflection.grpc.pb.h"

namespace chatter::testing {

// Calls a server as grpcurl does: it knows no message but those that the server
// describes.
class ReflectionClient {
 public:
  explicit ReflectionClient(const std::string& target);

  // Full names.
  std::vector<std::string> ListServices();
  // The definition of a service or message, as text; empty when there is none.
  std::string Describe(const std::string& symbol);

  struct Reply {
    grpc::Status status;
    std::string json;
  };
  // `method` as "package.Service/Method", unary.
  Reply Call(const std::string& method, const std::string& request_json,
             const std::multimap<std::string, std::string>& metadata);

 private:
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;

  Response Ask(const grpc::reflection::v1alpha::ServerReflectionRequest& request);
  // Brings the symbol's file, and those that it imports, into the pool.
  bool Load(const std::string& symbol);
  void LoadFile(const std::string& name);
  void Add(const Response& response);

  const std::shared_ptr<grpc::Channel> channel_;
  google::protobuf::DescriptorPool pool_;
  google::protobuf::DynamicMessageFactory messages_{&pool_};
};

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_REFLECTION_REFLECTION_CLIENT_H_
