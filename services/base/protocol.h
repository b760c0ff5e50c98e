// Every number and name that users of the wire can see: limits, error codes, deadlines.
// README.md documents them; tests/readme_test.cc holds it to this file.
#ifndef CHATTER_SERVICES_BASE_PROTOCOL_H_
#define CHATTER_SERVICES_BASE_PROTOCOL_H_

#include <cstddef>
#include <string_view>

#include "absl/time/time.h"

namespace chatter {

// --- Limits ---
inline constexpr int kMaxUsernameCharacters = 128;  // contract: POST /user
inline constexpr int kMaxGroupCharacters = 56;
inline constexpr size_t kMaxTextBytes = 65536;
inline constexpr size_t kMaxImagePathBytes = 2048;
inline constexpr size_t kMaxClientIdBytes = 64;
inline constexpr size_t kMaxPingPayloadBytes = 125;  // RFC 6455 section 5.5
// A ws token: 32 random bytes in URL-safe base64 (RFC 4648 section 5) without padding.
inline constexpr size_t kWsTokenBytes = 32;
inline constexpr size_t kWsTokenCharacters = 43;
inline constexpr size_t kMaxAuthorizationBytes = 8192;
inline constexpr int kMaxUnansweredSends = 256;  // of one session
inline constexpr int kMaxSessionsPerStream = 100'000;
inline constexpr size_t kMaxGrpcRequestBytes = 1 << 20;
inline constexpr size_t kMaxAttachBacklogBytes = 16 << 20;
inline constexpr size_t kMaxConnectBacklogBytes = 1 << 20;

// --- Times ---
inline constexpr absl::Duration kWsTokenLifetime = absl::Minutes(5);
inline constexpr absl::Duration kPingInterval = absl::Seconds(25);
inline constexpr absl::Duration kUaclDeadline = absl::Seconds(2);
inline constexpr absl::Duration kNotifDeadline = absl::Seconds(5);
inline constexpr absl::Duration kIdentityCacheLifetime = absl::Seconds(60);

// Trailing metadata of a call that is worth trying again, and the payload of a status
// that becomes it: after how many milliseconds.
inline constexpr char kRetryAfterMetadata[] = "retry-after-ms";

// --- Codes of error frames ---
namespace error_code {
inline constexpr std::string_view kWrongSender = "wrong_sender";
inline constexpr std::string_view kUnknownRecipient = "unknown_recipient";
inline constexpr std::string_view kEmptyMessage = "empty_message";
inline constexpr std::string_view kBadFrame = "bad_frame";
// A text, image_path or client_id over its limit.
inline constexpr std::string_view kTooLong = "too_long";
// More unanswered sends than a session may have, or a full append queue.
inline constexpr std::string_view kOverloaded = "overloaded";
// More messages a second than MESSAGE_RATE.
inline constexpr std::string_view kRateLimited = "rate_limited";
// Storage is away. The message is not stored.
inline constexpr std::string_view kUnavailable = "unavailable";
// Storage went away in the commit: the message may be stored or not.
inline constexpr std::string_view kUnknownOutcome = "unknown_outcome";
}  // namespace error_code

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_PROTOCOL_H_
