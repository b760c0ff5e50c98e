#include "services/chat/append_queue.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>

#include "glog/logging.h"
#include "services/chat/timestamps.h"

namespace chatter::chat {
namespace {

constexpr size_t kBatchBytes = 4 << 20;

// While a notification is in the memory of the process that stored it, no other process
// claims it: this is how long that process has before others take over.
constexpr absl::Duration kNotificationLease = absl::Minutes(1);

void FillMessage(PendingSend& send, const storage::Appended& appended,
                 v1::Message& message) {
  message.set_conversation(appended.conversation);
  message.set_seq(appended.seq);
  message.set_id(appended.id);
  message.set_from(send.sender->name);
  message.set_to(std::move(send.to));
  message.set_text(std::move(send.text));
  message.set_image_path(std::move(send.image_path));
  message.set_client_id(std::move(send.client_id));
  FillTimestamp(appended.created, *message.mutable_created());
}

const Refusal& RefusalFor(const absl::Status& failure) {
  return absl::IsUnknown(failure) ? kUnknownOutcomeRefusal : kUnavailableRefusal;
}

}  // namespace

AppendQueue::AppendQueue(storage::Storage& storage, UserDirectory& users,
                         SessionRegistry& sessions, Outbox& outbox,
                         NotifyPolicy notify_policy, ChatMetrics& metrics,
                         const Clock& clock)
    : storage_(storage),
      users_(users),
      sessions_(sessions),
      outbox_(outbox),
      notify_policy_(notify_policy),
      metrics_(metrics),
      clock_(clock),
      worker_({kMaxWaitingBytes, kBatchBytes},
              [this](std::vector<PendingSend>& batch) { Commit(batch); }) {}

void AppendQueue::Submit(PendingSend send) {
  send.taken = clock_.Uptime();
  const size_t weight = send.weight();
  if (!worker_.Submit(send, weight)) Refuse(send, kOverloadedRefusal, metrics_.refusals);
}

void AppendQueue::Drain() { worker_.Drain(); }

void AppendQueue::Commit(std::vector<PendingSend>& batch) {
  absl::Status failure = RefuseUnknownRecipients(batch);
  if (batch.empty()) return;
  if (failure.ok()) {
    const std::vector<storage::NewMessage> messages = Describe(batch);
    const absl::Duration begin = clock_.Uptime();
    const absl::StatusOr<std::vector<storage::Appended>> appended =
        storage_.Append(messages);
    metrics_.append.batch_messages.Observe(static_cast<int64_t>(batch.size()));
    metrics_.append.commit_latency.Observe(clock_.Uptime() - begin);
    if (appended.ok()) {
      Announce(batch, messages, *appended);
      return;
    }
    failure = appended.status();
  }
  LOG(ERROR) << "could not store " << batch.size() << " messages: " << failure;
  for (PendingSend& send : batch) Refuse(send, RefusalFor(failure), metrics_.refusals);
}

absl::Status AppendQueue::RefuseUnknownRecipients(std::vector<PendingSend>& batch) {
  std::vector<std::string_view> names;
  names.reserve(batch.size());
  for (const PendingSend& send : batch) names.push_back(send.to);
  const absl::StatusOr<std::vector<bool>> exist = users_.Exist(names);
  if (!exist.ok()) return exist.status();

  size_t kept = 0;
  for (size_t i = 0; i < batch.size(); ++i) {
    if (!(*exist)[i]) {
      Refuse(batch[i], kUnknownRecipientRefusal, metrics_.refusals);
      continue;
    }
    if (kept != i) batch[kept] = std::move(batch[i]);
    ++kept;
  }
  batch.erase(batch.begin() + static_cast<std::ptrdiff_t>(kept), batch.end());
  return absl::OkStatus();
}

std::vector<storage::NewMessage> AppendQueue::Describe(
    const std::vector<PendingSend>& batch) {
  std::vector<bool> online;
  if (notify_policy_ == NotifyPolicy::kOffline) {
    std::vector<std::string_view> recipients;
    recipients.reserve(batch.size());
    for (const PendingSend& send : batch) recipients.push_back(send.to);
    online = sessions_.AreOnline(recipients);
  }
  const absl::Time first = TakeTimestamps(batch.size());
  const absl::Time notify_due = first + kNotificationLease;
  std::vector<storage::NewMessage> messages;
  messages.reserve(batch.size());
  for (size_t i = 0; i < batch.size(); ++i) {
    const PendingSend& send = batch[i];
    storage::NewMessage message;
    message.sender_id = send.sender->id;
    message.sender = send.sender->name;
    message.recipient = send.to;
    message.text = send.text;
    message.image_path = send.image_path;
    message.client_id = send.client_id;
    message.created = first + absl::Microseconds(i);
    const bool to_oneself = send.to == send.sender->name;
    const bool wanted = notify_policy_ == NotifyPolicy::kAlways || !online[i];
    if (outbox_.enabled() && wanted && !to_oneself) message.notify_due = notify_due;
    messages.push_back(message);
  }
  return messages;
}

void AppendQueue::Announce(std::vector<PendingSend>& batch,
                           const std::vector<storage::NewMessage>& messages,
                           const std::vector<storage::Appended>& appended) {
  std::vector<CommittedMessage> committed(batch.size());
  std::vector<storage::Notification> notifications;
  struct Call {
    size_t index;
    v1::Message message;
  };
  std::vector<Call> calls;
  for (size_t i = 0; i < batch.size(); ++i) {
    PendingSend& send = batch[i];
    const storage::Appended& stored = appended[i];
    if (messages[i].notify_due.has_value() && !stored.duplicate) {
      notifications.push_back({{stored.conversation, stored.seq, send.to},
                               send.sender->name,
                               send.text,
                               stored.created});
    }
    if (stored.duplicate) {
      metrics_.append.duplicates.Add();
    } else {
      metrics_.append.stored.Add();
      metrics_.append.text_bytes.Add(send.text.size());
    }
    CommittedMessage& out = committed[i];
    FillMessage(send, stored, out.message);
    out.duplicate = stored.duplicate;
    if (send.session == nullptr) {
      calls.push_back({i, out.message});
    } else {
      send.session->EndSend();
      out.origin = std::move(send.session);
    }
  }
  sessions_.Deliver(absl::MakeSpan(committed));
  const absl::Duration now = clock_.Uptime();
  for (const PendingSend& send : batch) {
    metrics_.append.delivery_latency.Observe(now - send.taken);
  }
  for (Call& call : calls) batch[call.index].done(std::move(call.message));
  if (!notifications.empty()) {
    outbox_.Add(std::move(notifications), messages.front().created + kNotificationLease);
  }
}

absl::Time AppendQueue::TakeTimestamps(size_t count) {
  const int64_t now = absl::ToUnixMicros(clock_.Now());
  int64_t next = next_timestamp_us_.load(std::memory_order_relaxed);
  int64_t first;
  do {
    first = std::max(now, next);
  } while (!next_timestamp_us_.compare_exchange_weak(
      next, first + static_cast<int64_t>(count), std::memory_order_relaxed));
  return absl::FromUnixMicros(first);
}

}  // namespace chatter::chat
