#include "services/chat/session_registry.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "services/base/absl_view.h"

namespace chatter::chat {
namespace {

// Puts the sessions of one stream side by side.
bool StreamThenId(const Session* a, const Session* b) {
  if (&a->stream() != &b->stream()) return std::less<>()(&a->stream(), &b->stream());
  return a->id() < b->id();
}

// The end of those on the stream of the first, of sessions in the above order.
template <typename Iterator>
Iterator EndOfStream(Iterator begin, Iterator end) {
  return std::upper_bound(begin, end, &(*begin)->stream(),
                          [](const SessionStream* stream, const Session* session) {
                            return std::less<>()(stream, &session->stream());
                          });
}

template <typename Sessions>
void Join(Sessions& group, Session* session) {
  group.insert(std::lower_bound(group.begin(), group.end(), session, StreamThenId),
               session);
}

template <typename Sessions>
void Leave(Sessions& group, Session* session) {
  group.erase(std::lower_bound(group.begin(), group.end(), session, StreamThenId));
}

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
      online.group = FindGroup(user.group);
      AnnouncePresence(user.name, online.group->second, true, touched);
    }
    online.sessions.push_back(session);
    Join(online.group->second, session.get());
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
    Groups::value_type* const group = it->second.group;
    Leave(group->second, &session);
    if (sessions.empty()) {
      users_.erase(it);
      AnnouncePresence(user, group->second, false, touched);
      ForgetIfEmpty(group);
    }
  }
  FlushAll(touched);
}

void SessionRegistry::SetGroup(std::string_view user, std::string_view group) {
  TouchedStreams touched;
  {
    absl::MutexLock lock(&mutex_);
    const auto it = users_.find(AbslView(user));
    if (it == users_.end() || it->second.group->first == group) return;
    OnlineUser& online = it->second;
    for (const auto& session : online.sessions) {
      Leave(online.group->second, session.get());
    }
    AnnouncePresence(it->first, online.group->second, false, touched);
    ForgetIfEmpty(online.group);
    online.group = FindGroup(group);
    AnnouncePresence(it->first, online.group->second, true, touched);
    for (const auto& session : online.sessions) {
      Join(online.group->second, session.get());
    }
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

size_t SessionRegistry::CountOnline() const {
  absl::MutexLock lock(&mutex_);
  return users_.size();
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

SessionRegistry::Groups::value_type* SessionRegistry::FindGroup(std::string_view name) {
  return &*groups_.try_emplace(std::string(name)).first;
}

void SessionRegistry::ForgetIfEmpty(const Groups::value_type* group) {
  if (group->second.empty()) groups_.erase(group->first);
}

// The user's own sessions are not in the group when this is called.
void SessionRegistry::AnnouncePresence(const std::string& user, const Group& group,
                                       bool active, TouchedStreams& touched) {
  if (presence_stopped_) return;
  for (auto begin = group.begin(); begin != group.end();) {
    const auto end = EndOfStream(begin, group.end());
    const std::shared_ptr<SessionStream>& stream = (*begin)->stream_;
    delivery_.Clear();
    delivery_.mutable_sessions()->Reserve(static_cast<int>(end - begin));
    for (auto it = begin; it != end; ++it) delivery_.add_sessions((*it)->id());
    v1::Presence& presence = *delivery_.mutable_frame()->mutable_presence();
    presence.set_user(user);
    presence.set_active(active);
    metrics_.presences.Add(static_cast<uint64_t>(end - begin));
    stream->Enqueue(delivery_);
    touched.try_emplace(stream.get(), stream);
    begin = end;
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
    metrics_.sents.Add();
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
  metrics_.messages.Add(targets.size());
  metrics_.text_bytes.Add(targets.size() * message.text().size());
  std::sort(targets.begin(), targets.end(), StreamThenId);
  for (auto begin = targets.begin(); begin != targets.end();) {
    const auto end = EndOfStream(begin, targets.end());
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
