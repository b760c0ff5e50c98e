// What a mail about errors says, and when the next one may go.
#ifndef CHATTER_SERVICES_BASE_ERROR_DIGEST_H_
#define CHATTER_SERVICES_BASE_ERROR_DIGEST_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "glog/logging.h"

namespace chatter {

// Gathers log lines between two mails. Holds at most 50 of them, each cut to what a line
// of a mail may have, and counts the others. Not thread-safe.
class ErrorDigest {
 public:
  static constexpr absl::Duration kGap = absl::Minutes(1);
  static constexpr size_t kMaxLines = 50;
  // RFC 5322 section 2.1.1: a mail with a longer one would be refused each time anew.
  static constexpr size_t kMaxLineBytes = 998;

  // `line` without its end.
  void Add(google::LogSeverity severity, std::string_view line);

  // When there may be a mail: at once for the first line, a minute after the last mail
  // (or try) for those that came meanwhile; never while there is none. By the clock that
  // Take is told.
  absl::Duration due() const;

  struct Content {
    google::LogSeverity severity = google::GLOG_INFO;  // the highest one
    std::vector<std::string> lines;                    // the first ones
    uint64_t held_back = 0;                            // how many more there were
  };
  // What there is, for a mail that is tried at `now`.
  Content Take(absl::Duration now);
  // It could not be told: it is for the next mail, before what came meanwhile.
  void PutBack(Content untold);

 private:
  Content content_;
  absl::Duration next_ = -absl::InfiniteDuration();
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_ERROR_DIGEST_H_
