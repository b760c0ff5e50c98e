#ifndef CHATTER_SERVICES_CHAT_TIMESTAMPS_H_
#define CHATTER_SERVICES_CHAT_TIMESTAMPS_H_

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>

#include "absl/time/time.h"

namespace chatter::chat {

// Whole microseconds.
inline void FillTimestamp(absl::Time time, google::protobuf::Timestamp& timestamp) {
  const int64_t micros = absl::ToUnixMicros(time);
  timestamp.set_seconds(micros / 1'000'000);
  timestamp.set_nanos(static_cast<int32_t>(micros % 1'000'000 * 1000));
}

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_TIMESTAMPS_H_
