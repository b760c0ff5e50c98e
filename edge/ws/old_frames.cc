#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "edge/http/json_string.h"
#include "edge/ws/frame_codec.h"
#include "rapidjson/memorystream.h"
#include "rapidjson/reader.h"
#include "services/base/rfc3339.h"
#include "services/base/utf8.h"

namespace chatter::edge {
namespace {

// The member of `send` that has this name in the JSON; null for an unknown one.
std::string* FindMember(std::string_view name, v1::Send& send) {
  if (name == "username_from") return send.mutable_from();
  if (name == "username_to") return send.mutable_to();
  if (name == "message") return send.mutable_text();
  if (name == "image_path") return send.mutable_image_path();
  return nullptr;
}

// NUL cannot be stored, and what is no UTF-8 cannot even be carried.
bool IsText(std::string_view value) {
  return value.find('\0') == value.npos && CountCharacters(value).has_value();
}

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
    member_ = FindMember({text, size}, send_);
    return true;
  }

  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ == 0) return false;
    if (depth_ > 1 || member_ == nullptr) return true;
    // The parser lets lone low surrogates through; they are not valid UTF-8.
    if (!IsText({text, size})) return false;
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

// Reads what clients really send: one object of known members with strings without
// escapes, in a third of the full parser's time. False: it is anything else, which the
// full parser has to look at.
class PlainReader {
 public:
  PlainReader(std::string_view json, v1::Send& send) : rest_(json), send_(send) {}

  bool Read() {
    if (!Take('{')) return false;
    do {
      std::string_view name, value;
      if (!TakeString(name) || !Take(':') || !TakeString(value)) return false;
      std::string* const member = FindMember(name, send_);
      if (member == nullptr || !IsText(value)) return false;
      member->assign(value);
    } while (Take(','));
    if (!Take('}')) return false;
    SkipSpace();
    return rest_.empty();
  }

 private:
  void SkipSpace() {
    const size_t space = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(std::min(space, rest_.size()));
  }

  bool Take(char wanted) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  bool TakeString(std::string_view& text) {
    if (!Take('"')) return false;
    const size_t size = CountPlainJson(rest_);
    if (size == rest_.size() || rest_[size] != '"') return false;
    text = rest_.substr(0, size);
    rest_.remove_prefix(size + 1);
    return true;
  }

  std::string_view rest_;
  v1::Send& send_;
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
    if (PlainReader(payload, *frame.mutable_send()).Read()) return true;
    frame.Clear();
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
        if (frame.error().retry_after_ms() > 0) {
          absl::StrAppend(&out, ",\"retry_after_ms\":", frame.error().retry_after_ms());
        }
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
