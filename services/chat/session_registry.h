// Who is connected, and how frames find them: presence and delivery.
#ifndef CHATTER_SERVICES_CHAT_SESSION_REGISTRY_H_
#define CHATTER_SERVICES_CHAT_SESSION_REGISTRY_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/inlined_vector.h"
#include "absl/container/node_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "chatter/v1/frames.pb.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/session.h"

namespace chatter::chat {

// A committed message on its way to the sessions of both users.
struct CommittedMessage {
  // `client_id` set only when the sender gave one.
  v1::Message message;
  // The session that sent it; null when a call did.
  std::shared_ptr<Session> origin;
  // Stored, and so delivered, before: only the origin hears of it.
  bool duplicate = false;
};

// Thread-safe. Queues deliveries in the streams of the sessions concerned, then flushes
// those streams. Within one stream, and so for each session, everything comes in the
// order of the calls made here.
class SessionRegistry {
 public:
  // The metrics outlive it.
  explicit SessionRegistry(DeliveryMetrics& metrics) : metrics_(metrics) {}
  SessionRegistry(const SessionRegistry&) = delete;
  SessionRegistry& operator=(const SessionRegistry&) = delete;

  // Lists the session, unless it has been closed already. When it is the first one of its
  // user, the other users of the group hear that the user came.
  void Open(const std::shared_ptr<Session>& session);

  // Takes the session out, if it is listed, for good. After the last one of its user, the
  // group hears that the user went.
  void Close(Session& session);

  // The user's group is now this one: the old group sees the user go, the new one come.
  // Nothing happens when the user has no session or is in that group already.
  void SetGroup(std::string_view user, std::string_view group);

  // Delivers in order. Each session of the recipient and of the sender gets the message;
  // the sending session gets `sent` in its place when the message has a client_id.
  // Empties the messages.
  void Deliver(absl::Span<CommittedMessage> messages);

  // From now on nobody hears of comings and goings: the service stops, and everybody
  // goes.
  void StopPresence();

  bool IsOnline(std::string_view user) const;
  size_t CountOnline() const;

  // One answer for each name, in order.
  std::vector<bool> AreOnline(absl::Span<const std::string_view> users) const;

 private:
  // The sessions of a group, those of one stream side by side: what a presence delivery
  // lists. Moving them up for a new one is less work than telling them of it.
  using Group = absl::InlinedVector<Session*, 2>;
  using Groups = absl::node_hash_map<std::string, Group>;
  struct OnlineUser {
    Groups::value_type* group;
    absl::InlinedVector<std::shared_ptr<Session>, 1> sessions;
  };
  // Kept alive until they are flushed, outside the lock.
  using TouchedStreams =
      absl::flat_hash_map<SessionStream*, std::shared_ptr<SessionStream>>;
  using Targets = absl::InlinedVector<Session*, 8>;

  // Makes it when it is not there.
  Groups::value_type* FindGroup(std::string_view name)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void ForgetIfEmpty(const Groups::value_type* group)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AnnouncePresence(const std::string& user, const Group& group, bool active,
                        TouchedStreams& touched) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DeliverOne(CommittedMessage& committed, TouchedStreams& touched)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void AddSessionsOf(const std::string& user, Targets& targets)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Queues `message`, once for each stream, for the targets. Leaves it empty.
  void QueueMessage(Targets& targets, const Session* answered, v1::Message& message,
                    TouchedStreams& touched) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  DeliveryMetrics& metrics_;
  mutable absl::Mutex mutex_;
  bool presence_stopped_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_map<std::string, OnlineUser> users_ ABSL_GUARDED_BY(mutex_);
  // None is empty.
  Groups groups_ ABSL_GUARDED_BY(mutex_);
  // Filled and queued under the lock, again and again, so that its memory is reused.
  v1::Delivery delivery_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_SESSION_REGISTRY_H_
