// What a message costs at the edge: unmasking and framing, and the old frames' JSON.
#include <string>

#include "absl/types/span.h"
#include "benchmark/benchmark.h"
#include "edge/ws/frame_codec.h"
#include "edge/ws/web_socket.h"

namespace chatter::edge {
namespace {

std::string SendJson(size_t text_bytes) {
  return R"({"username_from":"alice","username_to":"bob","message":")" +
         std::string(text_bytes, 'x') + R"(","image_path":""})";
}

void DecodesASend(benchmark::State& state) {
  const std::string json = SendJson(static_cast<size_t>(state.range(0)));
  v1::ClientFrame frame;
  for (auto _ : state) {
    frame.Clear();
    benchmark::DoNotOptimize(OldFrames().Decode(json, false, frame));
  }
}
BENCHMARK(DecodesASend)->Arg(100)->Arg(10'000);

void EncodesAMessage(benchmark::State& state) {
  v1::ServerFrame frame;
  v1::Message& message = *frame.mutable_message();
  message.set_id(123'456'789);
  message.set_from("alice");
  message.set_to("bob");
  message.set_text(std::string(static_cast<size_t>(state.range(0)), 'x'));
  message.mutable_created()->set_seconds(1'764'000'000);
  message.mutable_created()->set_nanos(123'456'000);
  std::string payload;
  std::string bytes;
  for (auto _ : state) {
    payload.clear();
    bytes.clear();
    OldFrames().Encode(frame, payload);
    AppendTextFrame(payload, bytes);
    benchmark::DoNotOptimize(bytes);
  }
}
BENCHMARK(EncodesAMessage)->Arg(100)->Arg(10'000);

// Takes every message and does nothing with it.
class Sink : public WebSocket::Owner {
 public:
  void SendBytes(std::string_view) override {}
  bool OnMessage(std::string_view payload, bool) override {
    benchmark::DoNotOptimize(payload.data());
    return true;
  }
  void OnClosing(std::optional<uint16_t>) override {}
  void OnClosed() override {}
};

void ReadsAFrame(benchmark::State& state) {
  std::string frame;
  AppendTextFrame(SendJson(static_cast<size_t>(state.range(0))), frame);
  // The same frame as a client sends it, with the mask 0.
  frame[1] = static_cast<char>(frame[1] | 0x80);
  const auto size_code = static_cast<unsigned char>(frame[1]) & 0x7F;
  frame.insert(size_code == 126 ? 4 : 2, 4, '\0');
  const auto engine = MakeWebSocketEngine(1 << 20);
  Sink sink;
  const auto socket = engine->Make(sink);
  for (auto _ : state) {
    benchmark::DoNotOptimize(socket->Read(absl::MakeSpan(frame)));
  }
}
BENCHMARK(ReadsAFrame)->Arg(100)->Arg(10'000);

}  // namespace
}  // namespace chatter::edge
