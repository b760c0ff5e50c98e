#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "edge/http/answer.h"
#include "edge/ws/frame_codec.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"
#include "services/base/rfc3339.h"
#include "services/base/utf8.h"

namespace chatter::edge {
namespace {

// Takes the four known members of the outermost object, and ignores all others.
class SendReader : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, SendReader> {
 public:
  explicit SendReader(v1::Send& send) : send_(send) {}

  bool StartObject() { return StartNested() && ++depth_ > 0; }
  bool EndObject(rapidjson::SizeType) { return --depth_ >= 0; }
  bool StartArray() { return depth_ > 0 && StartNested() && ++depth_ > 0; }
  bool EndArray(rapidjson::SizeType) { return --depth_ >= 0; }

  bool Key(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ != 1) return true;
    const std::string_view name(text, size);
    member_ = nullptr;
    if (name == "username_from") member_ = send_.mutable_from();
    if (name == "username_to") member_ = send_.mutable_to();
    if (name == "message") member_ = send_.mutable_text();
    if (name == "image_path") member_ = send_.mutable_image_path();
    return true;
  }

  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 0) return false;
    if (depth_ > 1 || member_ == nullptr) return true;
    const std::string_view value(text, size);
    // The parser lets lone low surrogates through; they are not valid UTF-8.
    if (value.find('\0') != value.npos || !CountCharacters(value).has_value()) {
      return false;
    }
    member_->assign(text, size);
    return true;
  }
  // As good as not there, as the old service had it.
  bool Null() {
    if (depth_ == 1 && member_ != nullptr) member_->clear();
    return depth_ > 0;
  }
  // Numbers and booleans.
  bool Default() { return depth_ > 1 || (depth_ == 1 && member_ == nullptr); }

 private:
  // An object or array: the message itself, or the value of a member that is ignored.
  bool StartNested() const { return depth_ != 1 || member_ == nullptr; }

  v1::Send& send_;
  int depth_ = 0;
  std::string* member_ = nullptr;  // whose value comes next; null: an ignored one's
};

void AppendMember(std::string_view name_and_colon, const std::string& value,
                  std::string& out) {
  out += name_and_colon;
  AppendJsonString(value, out);
}

void AppendMessage(const v1::Message& message, std::string& out) {
  absl::StrAppend(&out, "{\"id\":", message.id());
  AppendMember(",\"username_from\":", message.from(), out);
  AppendMember(",\"username_to\":", message.to(), out);
  AppendMember(",\"message\":", message.text(), out);
  AppendMember(",\"image_path\":", message.image_path(), out);
  out += ",\"created\":\"";
  AppendRfc3339(
      message.created().seconds() * 1'000'000 + message.created().nanos() / 1000, out);
  out += "\"}";
}

class OldFramesCodec : public FrameCodec {
 public:
  bool Decode(std::string_view payload, bool binary,
              v1::ClientFrame& frame) const override {
    if (binary) return false;
    rapidjson::MemoryStream stream(payload.data(), payload.size());
    rapidjson::Reader reader;
    SendReader send(*frame.mutable_send());
    // Iterative: deep nesting must not end the stack.
    return !reader
                .Parse<rapidjson::kParseIterativeFlag |
                       rapidjson::kParseValidateEncodingFlag>(stream, send)
                .IsError();
  }

  bool Encode(const v1::ServerFrame& frame, std::string& out) const override {
    switch (frame.frame_case()) {
      case v1::ServerFrame::kMessage:
        AppendMessage(frame.message(), out);
        return true;
      case v1::ServerFrame::kPresence:
        AppendMember("{\"username\":", frame.presence().user(), out);
        absl::StrAppend(
            &out, ",\"active\":", frame.presence().active() ? "true" : "false", "}");
        return true;
      case v1::ServerFrame::kError:
        AppendMember("{\"error\":{\"code\":", frame.error().code(), out);
        AppendMember(",\"message\":", frame.error().message(), out);
        out += "}}";
        return true;
      case v1::ServerFrame::kWelcome:
      case v1::ServerFrame::kSent:
      case v1::ServerFrame::kPong:
      case v1::ServerFrame::kGoaway:
      case v1::ServerFrame::FRAME_NOT_SET:
        return false;
    }
    return false;
  }
};

}  // namespace

const FrameCodec& OldFrames() {
  static const OldFramesCodec codec;
  return codec;
}

}  // namespace chatter::edge
