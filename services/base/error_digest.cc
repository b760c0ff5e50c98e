#include "services/base/error_digest.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace chatter {

void ErrorDigest::Add(google::LogSeverity severity, std::string_view line) {
  content_.severity = std::max(content_.severity, severity);
  if (content_.lines.size() == kMaxLines) {
    ++content_.held_back;
  } else {
    content_.lines.emplace_back(line.substr(0, kMaxLineBytes));
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
