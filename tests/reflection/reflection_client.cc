#include "tests/reflection/reflection_client.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/util/json_util.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>

#include "glog/logging.h"

namespace chatter::testing {
namespace {

namespace v1alpha = grpc::reflection::v1alpha;

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
}

}  // namespace

ReflectionClient::ReflectionClient(const std::string& target)
    : channel_(grpc::CreateChannel(target, grpc::InsecureChannelCredentials())) {}

ReflectionClient::Response ReflectionClient::Ask(
    const v1alpha::ServerReflectionRequest& request) {
  const auto stub = v1alpha::ServerReflection::NewStub(channel_);
  grpc::ClientContext context;
  SetDeadline(context);
  const auto stream = stub->ServerReflectionInfo(&context);
  Response response;
  CHECK(stream->Write(request) && stream->Read(&response));
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  CHECK(status.ok()) << status.error_message();
  return response;
}

std::vector<std::string> ReflectionClient::ListServices() {
  v1alpha::ServerReflectionRequest request;
  request.set_list_services("*");
  const Response response = Ask(request);
  std::vector<std::string> names;
  for (const auto& service : response.list_services_response().service()) {
    names.push_back(service.name());
  }
  return names;
}

void ReflectionClient::Add(const Response& response) {
  for (const std::string& bytes :
       response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    CHECK(file.ParseFromString(bytes));
    if (pool_.FindFileByName(file.name()) != nullptr) continue;
    for (const std::string& import : file.dependency()) LoadFile(import);
    CHECK(pool_.BuildFile(file) != nullptr) << file.name();
  }
}

void ReflectionClient::LoadFile(const std::string& name) {
  if (pool_.FindFileByName(name) != nullptr) return;
  v1alpha::ServerReflectionRequest request;
  request.set_file_by_filename(name);
  Add(Ask(request));
}

bool ReflectionClient::Load(const std::string& symbol) {
  v1alpha::ServerReflectionRequest request;
  request.set_file_containing_symbol(symbol);
  const Response response = Ask(request);
  if (!response.has_file_descriptor_response()) return false;
  Add(response);
  return true;
}

std::string ReflectionClient::Describe(const std::string& symbol) {
  if (!Load(symbol)) return "";
  if (const auto* const service = pool_.FindServiceByName(symbol); service != nullptr) {
    return service->DebugString();
  }
  const auto* const message = pool_.FindMessageTypeByName(symbol);
  return message == nullptr ? "" : message->DebugString();
}

ReflectionClient::Reply ReflectionClient::Call(
    const std::string& method, const std::string& request_json,
    const std::multimap<std::string, std::string>& metadata) {
  const size_t slash = method.find('/');
  CHECK(Load(method.substr(0, slash))) << method;
  const auto* const descriptor = pool_.FindServiceByName(method.substr(0, slash))
                                     ->FindMethodByName(method.substr(slash + 1));
  CHECK(descriptor != nullptr) << method;
  const std::unique_ptr<google::protobuf::Message> request(
      messages_.GetPrototype(descriptor->input_type())->New());
  const auto parsed =
      google::protobuf::util::JsonStringToMessage(request_json, request.get());
  CHECK(parsed.ok()) << parsed.ToString();

  const std::string bytes = request->SerializeAsString();
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request_buffer(&slice, 1);
  grpc::ClientContext context;
  SetDeadline(context);
  for (const auto& [name, value] : metadata) context.AddMetadata(name, value);
  grpc::CompletionQueue queue;
  grpc::GenericStub stub(channel_);
  const auto call = stub.PrepareUnaryCall(&context, "/" + method, request_buffer, &queue);
  call->StartCall();
  grpc::ByteBuffer response_buffer;
  Reply reply;
  call->Finish(&response_buffer, &reply.status, nullptr);
  void* tag;
  bool ok;
  CHECK(queue.Next(&tag, &ok) && ok);
  if (!reply.status.ok()) return reply;
  const std::unique_ptr<google::protobuf::Message> response(
      messages_.GetPrototype(descriptor->output_type())->New());
  std::vector<grpc::Slice> slices;
  CHECK(response_buffer.Dump(&slices).ok());
  std::string answer;
  for (const grpc::Slice& each : slices) {
    answer.append(reinterpret_cast<const char*>(each.begin()), each.size());
  }
  CHECK(response->ParseFromString(answer));
  const auto printed =
      google::protobuf::util::MessageToJsonString(*response, &reply.json);
  CHECK(printed.ok()) << printed.ToString();
  return reply;
}

}  // namespace chatter::testing
