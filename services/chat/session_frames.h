// What a session's frames do, whichever stream brought them.
#ifndef CHATTER_SERVICES_CHAT_SESSION_FRAMES_H_
#define CHATTER_SERVICES_CHAT_SESSION_FRAMES_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "chatter/v1/frames.pb.h"
#include "services/chat/append_queue.h"
#include "services/chat/chat_metrics.h"
#include "services/chat/message_rate.h"
#include "services/chat/session.h"
#include "services/chat/session_registry.h"
#include "services/chat/ws_tokens.h"

namespace chatter::chat {

// What sessions need, wherever they are connected. All of it outlives them.
struct SessionServices {
  SessionRegistry& registry;
  AppendQueue& append_queue;
  WsTokens& tokens;
  UserDirectory& users;
  const MessageRate& message_rate;
  ChatMetrics& metrics;
  std::string epoch;
};

// Welcomes the session, as the first frame that it gets, and lists it in the registry.
// The caller flushes the session's stream.
void OpenSession(const SessionServices& services,
                 const std::shared_ptr<Session>& session);

// Acts on a frame of an open session, and may empty it. What the client did wrong is
// answered with an error frame; kInvalidArgument when it broke the protocol, and its
// stream must end. Never blocks. The caller flushes the session's stream.
absl::Status HandleFrame(const SessionServices& services,
                         const std::shared_ptr<Session>& session, v1::ClientFrame& frame);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_SESSION_FRAMES_H_
