// Everything that chatd counts; chat_metrics.cc gives each its name and its meaning, and
// tools/monitoring/README.md tells the operator.
#ifndef CHATTER_SERVICES_CHAT_CHAT_METRICS_H_
#define CHATTER_SERVICES_CHAT_CHAT_METRICS_H_

#include <prometheus/metric_family.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "services/base/metrics.h"
#include "services/base/protocol.h"
#include "services/identity/identity_metrics.h"

namespace chatter::chat {

// Of the thread that stores messages.
struct alignas(64) AppendMetrics {
  static constexpr std::array<int64_t, 10> kBatchBounds = {1,  2,   4,   8,   16,
                                                           64, 128, 256, 512, 1000};

  Counter stored;
  Counter duplicates;
  Counter text_bytes;  // of what was stored
  Histogram batch_messages{kBatchBounds};
  Histogram commit_latency;
  // From when a message was taken to when it is queued for its sessions.
  Histogram delivery_latency;
};

// Of those that hold the session registry's lock. A frame counts for each session.
struct alignas(64) DeliveryMetrics {
  Counter messages;
  Counter sents;
  Counter presences;
  Counter text_bytes;
};

// Of those that hold the outbox's lock.
struct alignas(64) NotificationMetrics {
  Counter delivered;
  Counter refused;  // for good
  Counter retried;  // failed, and will be tried again
};

// Any thread.
class RefusalMetrics {
 public:
  // The last one stands for all that are not named.
  static constexpr std::array<std::string_view, 11> kReasons = {
      error_code::kWrongSender,
      error_code::kUnknownRecipient,
      error_code::kEmptyMessage,
      error_code::kBadFrame,
      error_code::kTooLong,
      error_code::kOverloaded,
      error_code::kUnavailable,
      error_code::kUnknownOutcome,
      error_code::kRateLimited,
      "unauthenticated",
      "other"};

  // An error code of protocol.h, or "unauthenticated".
  void Add(std::string_view reason);
  uint64_t value(size_t reason) const { return counts_[reason].value(); }

 private:
  std::array<SharedCounter, kReasons.size()> counts_;
};

// Calls of one method, by the code of their status. Any thread.
class RpcMetrics {
 public:
  static constexpr size_t kCodes = 17;

  void Add(int code) { counts_[static_cast<size_t>(code) % kCodes].Add(); }
  uint64_t value(size_t code) const { return counts_[code].value(); }

 private:
  std::array<SharedCounter, kCodes> counts_;
};

// Calls of the storage that failed. Any thread.
struct StorageErrorMetrics {
  // What is no answer of the storage's, as "the name is taken" is one.
  void Add(const absl::Status& status);

  SharedCounter unavailable;
  SharedCounter unknown;  // whether it took effect
  SharedCounter internal;
};

struct ChatMetrics {
  AppendMetrics append;
  DeliveryMetrics deliveries;
  NotificationMetrics notifications;

  SharedGauge edge_sessions;
  SharedGauge connect_sessions;
  RefusalMetrics refusals;
  SharedCounter ws_tokens_issued;
  SharedCounter ws_tokens_redeemed;
  SharedCounter ws_tokens_refused;
  StorageErrorMetrics storage_errors;
  identity::IdentityMetrics identity;
  CallMetrics notif;

  RpcMetrics create_user;
  RpcMetrics issue_token;
  RpcMetrics send_message;
  RpcMetrics list_messages;
  RpcMetrics list_connections;
  RpcMetrics connect;
  RpcMetrics attach;
};

// What is looked up when somebody asks.
struct ChatState {
  size_t users_online = 0;
  size_t attach_streams = 0;
  size_t append_queue_messages = 0;
  size_t append_queue_bytes = 0;
  size_t append_queue_limit_bytes = 0;
  bool storage_up = false;
  // Of the outbox; known only while the storage is up.
  int64_t outbox_waiting = 0;
  absl::Duration outbox_oldest_due_age;
};

// All of it, named.
std::vector<prometheus::MetricFamily> Describe(const ChatMetrics& metrics,
                                               const ChatState& state);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_CHAT_METRICS_H_
