#include "services/base/error_digest.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace chatter {
namespace {

// The beginning of what is UTF-8, without a character that would not be whole.
std::string_view Cut(std::string_view text, size_t max_bytes) {
  if (text.size() <= max_bytes) return text;
  while (max_bytes > 0 && (text[max_bytes] & 0xC0) == 0x80) --max_bytes;
  return text.substr(0, max_bytes);
}

}  // namespace

void ErrorDigest::Add(google::LogSeverity severity, std::string_view line) {
  content_.severity = std::max(content_.severity, severity);
  if (content_.lines.size() == kMaxLines) {
    ++content_.held_back;
  } else {
    content_.lines.emplace_back(Cut(line, kMaxLineBytes));
  }
}

absl::Duration ErrorDigest::due() const {
  return content_.lines.empty() ? absl::InfiniteDuration() : next_;
}

ErrorDigest::Content ErrorDigest::Take(absl::Duration now) {
  next_ = now + kGap;
  return std::exchange(content_, {});
}

void ErrorDigest::PutBack(Content untold) {
  std::swap(content_, untold);
  content_.severity = std::max(content_.severity, untold.severity);
  const size_t room = kMaxLines - content_.lines.size();
  const size_t taken = std::min(room, untold.lines.size());
  std::move(untold.lines.begin(), untold.lines.begin() + static_cast<ptrdiff_t>(taken),
            std::back_inserter(content_.lines));
  content_.held_back += untold.held_back + untold.lines.size() - taken;
}

}  // namespace chatter
