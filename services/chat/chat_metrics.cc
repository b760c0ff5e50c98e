#include "services/chat/chat_metrics.h"

#include <algorithm>
#include <string>

#include "services/base/metric_page.h"

namespace chatter::chat {
namespace {

double Value(const Counter& counter) { return static_cast<double>(counter.value()); }
double Value(const SharedCounter& counter) {
  return static_cast<double>(counter.value());
}
double Value(const SharedGauge& gauge) { return static_cast<double>(gauge.value()); }

void DescribeMessages(const ChatMetrics& metrics, const ChatState& state,
                      MetricPage& page) {
  const AppendMetrics& append = metrics.append;
  page.Counter("chatter_messages_stored_total", "Messages stored.")
      .Add(Value(append.stored));
  page.Counter("chatter_messages_duplicate_total",
               "Messages whose client id was stored before.")
      .Add(Value(append.duplicates));
  page.Counter("chatter_text_bytes_total",
               "Bytes of texts: in: stored; out: queued, for each session.")
      .Add(Value(append.text_bytes), {{"direction", "in"}})
      .Add(Value(metrics.deliveries.text_bytes), {{"direction", "out"}});
  page.Counter("chatter_deliveries_total", "Frames queued, for each session.")
      .Add(Value(metrics.deliveries.messages), {{"frame", "message"}})
      .Add(Value(metrics.deliveries.sents), {{"frame", "sent"}})
      .Add(Value(metrics.deliveries.presences), {{"frame", "presence"}});
  page.Gauge("chatter_append_queue_messages", "Messages that wait to be stored.")
      .Add(static_cast<double>(state.append_queue_messages));
  page.Gauge("chatter_append_queue_bytes", "Memory of what waits to be stored.")
      .Add(static_cast<double>(state.append_queue_bytes));
  page.Gauge("chatter_append_queue_limit_bytes",
             "Above it messages are refused as overloaded.")
      .Add(static_cast<double>(state.append_queue_limit_bytes));
  page.Histogram("chatter_append_batch_messages", "Messages in one transaction.")
      .Add(append.batch_messages.Read(), 1);
  page.Histogram("chatter_append_commit_seconds", "How long a transaction took.")
      .Add(append.commit_latency.Read(), kSecondsInNanosecond);
  page.Histogram("chatter_append_delivery_seconds",
                 "From when a message was taken to when it was queued for delivery.")
      .Add(append.delivery_latency.Read(), kSecondsInNanosecond);
}

void DescribeSessions(const ChatMetrics& metrics, const ChatState& state,
                      MetricPage& page) {
  page.Gauge("chatter_sessions", "Open sessions, by what carries them.")
      .Add(Value(metrics.edge_sessions), {{"kind", "attach"}})
      .Add(Value(metrics.connect_sessions), {{"kind", "connect"}});
  page.Gauge("chatter_attach_streams", "Edges' threads that are attached.")
      .Add(static_cast<double>(state.attach_streams));
  page.Gauge("chatter_users_online", "Users with a session.")
      .Add(static_cast<double>(state.users_online));
  page.Counter("chatter_ws_tokens_total", "Tickets for WebSockets.")
      .Add(Value(metrics.ws_tokens_issued), {{"event", "issued"}})
      .Add(Value(metrics.ws_tokens_redeemed), {{"event", "redeemed"}})
      .Add(Value(metrics.ws_tokens_refused), {{"event", "refused"}});
}

void DescribeRefusals(const ChatMetrics& metrics, MetricPage& page) {
  MetricPage::Family refusals =
      page.Counter("chatter_refusals_total",
                   "What was refused, by error code; unauthenticated calls.");
  for (size_t i = 0; i < RefusalMetrics::kReasons.size(); ++i) {
    refusals.Add(static_cast<double>(metrics.refusals.value(i)),
                 {{"reason", RefusalMetrics::kReasons[i]}});
  }
}

void DescribeRpcs(const ChatMetrics& metrics, MetricPage& page) {
  struct Method {
    std::string_view name;
    const RpcMetrics& calls;
  };
  const Method methods[] = {{"CreateUser", metrics.create_user},
                            {"IssueToken", metrics.issue_token},
                            {"SendMessage", metrics.send_message},
                            {"ListMessages", metrics.list_messages},
                            {"ListConnections", metrics.list_connections},
                            {"Connect", metrics.connect},
                            {"Attach", metrics.attach}};
  MetricPage::Family rpcs =
      page.Counter("chatter_rpcs_total", "Calls that ended, by status code.");
  for (const Method& method : methods) {
    for (size_t code = 0; code < RpcMetrics::kCodes; ++code) {
      const uint64_t count = method.calls.value(code);
      // Most codes never come.
      if (count == 0 && code != 0) continue;
      const std::string name =
          absl::StatusCodeToString(static_cast<absl::StatusCode>(code));
      rpcs.Add(static_cast<double>(count), {{"method", method.name}, {"code", name}});
    }
  }
}

void DescribeCalls(const CallMetrics& calls, std::string_view total_name,
                   std::string_view seconds_name, std::string_view what,
                   MetricPage& page) {
  page.Counter(total_name, std::string(what) + ", by result.")
      .Add(Value(calls.ok), {{"result", "ok"}})
      .Add(Value(calls.refused), {{"result", "refused"}})
      .Add(Value(calls.failed), {{"result", "failed"}});
  page.Histogram(seconds_name, std::string(what) + ": how long they took.")
      .Add(calls.latency.Read(), kSecondsInNanosecond);
}

void DescribeNeighbours(const ChatMetrics& metrics, MetricPage& page) {
  DescribeCalls(metrics.identity.uacl, "chatter_uacl_calls_total",
                "chatter_uacl_call_seconds", "Requests to uacl", page);
  page.Counter("chatter_identity_cache_lookups_total",
               "Tokens to verify, and whether their user was known.")
      .Add(Value(metrics.identity.cache_hits), {{"result", "hit"}})
      .Add(Value(metrics.identity.cache_misses), {{"result", "miss"}});
  DescribeCalls(metrics.notif, "chatter_notif_calls_total", "chatter_notif_call_seconds",
                "Requests to notif", page);
}

void DescribeStorage(const ChatMetrics& metrics, const ChatState& state,
                     MetricPage& page) {
  page.Gauge("chatter_storage_up", "Whether the storage answers.")
      .Add(state.storage_up ? 1 : 0);
  page.Counter("chatter_storage_errors_total", "Calls of the storage that failed.")
      .Add(Value(metrics.storage_errors.unavailable), {{"kind", "unavailable"}})
      .Add(Value(metrics.storage_errors.unknown), {{"kind", "unknown_outcome"}})
      .Add(Value(metrics.storage_errors.internal), {{"kind", "internal"}});
  page.Counter("chatter_notifications_total", "What became of tries to notify.")
      .Add(Value(metrics.notifications.delivered), {{"result", "delivered"}})
      .Add(Value(metrics.notifications.refused), {{"result", "refused"}})
      .Add(Value(metrics.notifications.retried), {{"result", "retried"}});
  if (!state.storage_up) return;
  page.Gauge("chatter_outbox_waiting", "Notifications in the outbox, up to 100,000.")
      .Add(static_cast<double>(state.outbox_waiting));
  page.Gauge("chatter_outbox_oldest_due_age_seconds",
             "How long the oldest one has been due.")
      .Add(absl::ToDoubleSeconds(state.outbox_oldest_due_age));
}

}  // namespace

void RefusalMetrics::Add(std::string_view reason) {
  const auto known = std::find(kReasons.begin(), kReasons.end() - 1, reason);
  counts_[static_cast<size_t>(known - kReasons.begin())].Add();
}

void StorageErrorMetrics::Add(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kAlreadyExists:
      return;
    case absl::StatusCode::kUnavailable:
      return unavailable.Add();
    case absl::StatusCode::kUnknown:
      return unknown.Add();
    default:
      return internal.Add();
  }
}

std::vector<prometheus::MetricFamily> Describe(const ChatMetrics& metrics,
                                               const ChatState& state) {
  MetricPage page;
  DescribeMessages(metrics, state, page);
  DescribeSessions(metrics, state, page);
  DescribeRefusals(metrics, page);
  DescribeRpcs(metrics, page);
  DescribeStorage(metrics, state, page);
  DescribeNeighbours(metrics, page);
  return page.Take();
}

}  // namespace chatter::chat
