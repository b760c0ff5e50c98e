#include "tools/loadgen/old_frames.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "glog/logging.h"
#include "services/base/absl_view.h"
#include "tools/loadgen/json_scan.h"
#include "tools/loadgen/ws_frames.h"

namespace chatter::loadgen {
namespace {

constexpr std::string_view kMessageBegin = "{\"id\":";
constexpr std::string_view kFromKey = "\"username_from\":\"";
constexpr std::string_view kTextKey = "\"message\":\"";
constexpr std::string_view kPresenceBegin = "{\"username\":\"";
constexpr std::string_view kActive = "\"active\":true";

void AddOne(char* digits) {
  char* digit = digits + NumberedText::kDigits - 1;
  while (*digit == '9' && digit > digits) *digit-- = '0';
  ++*digit;
}

bool BeginsWith(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

}  // namespace

NumberedText::NumberedText(size_t size) : text_(size, 'x') {
  CHECK_GE(size, kDigits);
  std::fill_n(text_.begin(), kDigits, '0');
}

bool NumberedText::Take(std::string_view text) {
  if (text != text_) return false;
  AddOne(text_.data());
  ++number_;
  return true;
}

int64_t NumberOf(std::string_view text) {
  int64_t number;
  return absl::SimpleAtoi(AbslView(text.substr(0, NumberedText::kDigits)), &number)
             ? number
             : -1;
}

NumberedFrames::NumberedFrames(std::string_view from, std::string_view to,
                               size_t text_bytes) {
  const NumberedText text(text_bytes);
  AppendClientFrame(
      Opcode::kText,
      absl::StrCat("{\"username_from\":\"", AbslView(from), "\",\"username_to\":\"",
                   AbslView(to), "\",\"message\":\"", AbslView(text.view()),
                   "\",\"image_path\":\"\"}"),
      frame_);
  number_at_ = frame_.find(kTextKey) + kTextKey.size();
}

void NumberedFrames::AppendNext(std::string& out) {
  out.append(frame_);
  AddOne(frame_.data() + number_at_);
}

OldFrame ReadOldFrame(std::string_view payload) {
  OldFrame frame;
  if (BeginsWith(payload, kMessageBegin)) {
    const std::optional<std::string_view> from = ScanString(payload, kFromKey);
    if (!from.has_value()) return frame;
    const size_t used = static_cast<size_t>(from->data() - payload.data()) + from->size();
    const std::optional<std::string_view> text =
        ScanString(payload.substr(used), kTextKey);
    if (!text.has_value()) return frame;
    frame.kind = OldFrame::Kind::kMessage;
    frame.from = *from;
    frame.text = *text;
  } else if (BeginsWith(payload, kPresenceBegin)) {
    const std::optional<std::string_view> user = ScanString(payload, kPresenceBegin);
    if (!user.has_value()) return frame;
    frame.kind = OldFrame::Kind::kPresence;
    frame.user = *user;
    frame.active = payload.find(kActive) != payload.npos;
  }
  return frame;
}

}  // namespace chatter::loadgen
