// The frames of a WebSocket without a subprotocol, with texts that are numbered, so that
// what is lost, doubled or out of order is seen.
#ifndef CHATTER_TOOLS_LOADGEN_OLD_FRAMES_H_
#define CHATTER_TOOLS_LOADGEN_OLD_FRAMES_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace chatter::loadgen {

// A text of a fixed size that begins with a number in ten digits.
class NumberedText {
 public:
  static constexpr size_t kDigits = 10;

  // Number 0. `size`: at least kDigits.
  explicit NumberedText(size_t size);
  std::string_view view() const { return text_; }
  int64_t number() const { return number_; }
  // Whether it is this text; the next number is then awaited.
  bool Take(std::string_view text);

 private:
  std::string text_;
  int64_t number_ = 0;
};

// -1 when the text does not begin with one.
int64_t NumberOf(std::string_view text);

// The WebSocket frames from one user to another, numbered from 0.
class NumberedFrames {
 public:
  NumberedFrames(std::string_view from, std::string_view to, size_t text_bytes);
  void AppendNext(std::string& out);

 private:
  std::string frame_;  // the next one
  size_t number_at_;   // in it
};

// What a server's frame says. Views of the frame.
struct OldFrame {
  enum class Kind {
    kMessage,   // from, text
    kPresence,  // user, active
    kOther,     // an error frame, or what nobody should send
  };
  Kind kind = Kind::kOther;
  std::string_view from;
  std::string_view text;
  std::string_view user;
  bool active = false;
};

OldFrame ReadOldFrame(std::string_view payload);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_OLD_FRAMES_H_
