#include "services/chat/session_registry.h"

#include <algorithm>
#include <utility>

#include "services/base/absl_view.h"

namespace chatter::chat {
namespace {

template <typename Streams>
void FlushAll(const Streams& touched) {
  for (const auto& [stream, owner] : touched) owner->Flush();
}

}  // namespace

void SessionRegistry::Open(const std::shared_ptr<Session>& session) {
  TouchedStreams touched;
  {
    absl::MutexLock lock(&mutex_);
    if (session->closed_) return;
    const storage::User& user = *session->user();
    auto [it, came] = users_.try_emplace(user.name);
    OnlineUser& online = it->second;
    if (came) {
      online.group = user.group;
      AnnouncePresence(user.name, online.group, true, touched);
    }
    online.sessions.push_back(session);
    JoinGroup(online.group, *session);
  }
  FlushAll(touched);
}

void SessionRegistry::Close(Session& session) {
  TouchedStreams touched;
  std::shared_ptr<Session> last_reference;
  {
    absl::MutexLock lock(&mutex_);
    session.closed_ = true;
    const std::string& user = session.user()->name;
    const auto it = users_.find(user);
    if (it == users_.end()) return;
    auto& sessions = it->second.sessions;
    const auto found = std::find_if(sessions.begin(), sessions.end(),
                                    [&](const auto& s) { return s.get() == &session; });
    if (found == sessions.end()) return;
    last_reference = std::move(*found);
    sessions.erase(found);
    LeaveGroup(it->second.group, session);
    if (sessions.empty()) {
      const std::string group = std::move(it->second.group);
      users_.erase(it);
      AnnouncePresence(user, group, false, touched);
    }
  }
  FlushAll(touched);
}

void SessionRegistry::SetGroup(std::string_view user, std::string_view group) {
  TouchedStreams touched;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = users_.find(AbslView(user));
    if (it == users_.end() || it->second.group == group) return;
    OnlineUser& online = it->second;
    for (const auto& session : online.sessions) LeaveGroup(online.group, *session);
    AnnouncePresence(it->first, online.group, false, touched);
    online.group = std::string(group);
    AnnouncePresence(it->first, online.group, true, touched);
    for (const auto& session : online.sessions) JoinGroup(online.group, *session);
  }
  FlushAll(touched);
}

void SessionRegistry::Deliver(absl::Span<CommittedMessage> messages) {
  TouchedStreams touched;
  {
    absl::MutexLock lock(&mutex_);
    for (CommittedMessage& committed : messages) DeliverOne(committed, touched);
  }
  FlushAll(touched);
}

void SessionRegistry::StopPresence() {
  absl::MutexLock lock(&mutex_);
  presence_stopped_ = true;
}

bool SessionRegistry::IsOnline(std::string_view user) const {
  absl::MutexLock lock(&mutex_);
  return users_.contains(AbslView(user));
}

std::vector<bool> SessionRegistry::AreOnline(
    absl::Span<const std::string_view> users) const {
  std::vector<bool> online;
  online.reserve(users.size());
  absl::MutexLock lock(&mutex_);
  for (const std::string_view user : users) {
    online.push_back(users_.contains(AbslView(user)));
  }
  return online;
}

void SessionRegistry::JoinGroup(const std::string& group, Session& session) {
  std::vector<Session*>& sessions = groups_[group][session.stream_.get()];
  session.group_slot_ = sessions.size();
  sessions.push_back(&session);
}

void SessionRegistry::LeaveGroup(const std::string& group, Session& session) {
  const auto it = groups_.find(group);
  const auto stream = it->second.find(session.stream_.get());
  std::vector<Session*>& sessions = stream->second;
  sessions[session.group_slot_] = sessions.back();
  sessions[session.group_slot_]->group_slot_ = session.group_slot_;
  sessions.pop_back();
  if (sessions.empty()) it->second.erase(stream);
  if (it->second.empty()) groups_.erase(it);
}

// The user's own sessions are not in the group when this is called.
void SessionRegistry::AnnouncePresence(const std::string& user, const std::string& group,
                                       bool active, TouchedStreams& touched) {
  const auto it = groups_.find(group);
  if (it == groups_.end() || presence_stopped_) return;
  for (const auto& [stream, sessions] : it->second) {
    delivery_.Clear();
    delivery_.mutable_sessions()->Reserve(static_cast<int>(sessions.size()));
    for (const Session* session : sessions) delivery_.add_sessions(session->id());
    v1::Presence& presence = *delivery_.mutable_frame()->mutable_presence();
    presence.set_user(user);
    presence.set_active(active);
    stream->Enqueue(delivery_);
    touched.try_emplace(stream, sessions.front()->stream_);
  }
}

void SessionRegistry::DeliverOne(CommittedMessage& committed, TouchedStreams& touched) {
  v1::Message& message = committed.message;
  Session* const origin = committed.origin.get();
  const bool to_oneself = message.from() == message.to();
  Targets targets;
  if (message.client_id().empty()) {
    AddSessionsOf(message.from(), targets);
    if (!to_oneself) AddSessionsOf(message.to(), targets);
    QueueMessage(targets, origin, message, touched);
    return;
  }

  if (origin != nullptr) {
    delivery_.Clear();
    delivery_.add_sessions(origin->id());
    delivery_.set_answered(origin->id());
    v1::Sent& sent = *delivery_.mutable_frame()->mutable_sent();
    sent.set_client_id(message.client_id());
    sent.set_conversation(message.conversation());
    sent.set_seq(message.seq());
    sent.set_id(message.id());
    *sent.mutable_created() = message.created();
    origin->stream().Enqueue(delivery_);
    touched.try_emplace(&origin->stream(), origin->stream_);
  }
  if (committed.duplicate) return;
  AddSessionsOf(message.from(), targets);
  targets.erase(std::remove(targets.begin(), targets.end(), origin), targets.end());
  if (!targets.empty()) {
    v1::Message for_own_devices = message;
    QueueMessage(targets, nullptr, for_own_devices, touched);
  }
  if (to_oneself) return;
  targets.clear();
  AddSessionsOf(message.to(), targets);
  message.clear_client_id();
  QueueMessage(targets, nullptr, message, touched);
}

void SessionRegistry::AddSessionsOf(const std::string& user, Targets& targets) {
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  for (const auto& session : it->second.sessions) targets.push_back(session.get());
}

void SessionRegistry::QueueMessage(Targets& targets, const Session* answered,
                                   v1::Message& message, TouchedStreams& touched) {
  std::sort(targets.begin(), targets.end(), [](const Session* a, const Session* b) {
    return std::less<>()(&a->stream(), &b->stream());
  });
  for (auto begin = targets.begin(); begin != targets.end();) {
    const auto end = std::find_if(begin, targets.end(), [&](const Session* session) {
      return &session->stream() != &(*begin)->stream();
    });
    delivery_.Clear();
    for (auto it = begin; it != end; ++it) {
      delivery_.add_sessions((*it)->id());
      if (*it == answered) delivery_.set_answered(answered->id());
    }
    v1::Message& copy = *delivery_.mutable_frame()->mutable_message();
    if (end == targets.end()) {
      copy.Swap(&message);
    } else {
      copy = message;
    }
    SessionStream& stream = (*begin)->stream();
    stream.Enqueue(delivery_);
    touched.try_emplace(&stream, (*begin)->stream_);
    begin = end;
  }
}

}  // namespace chatter::chat
