// Pairs of users who write to each other, and the check that every message comes once and
// in order, to the recipient and back to the sender.
#ifndef CHATTER_TOOLS_LOADGEN_PAIRS_H_
#define CHATTER_TOOLS_LOADGEN_PAIRS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/old_frames.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/ws_client.h"

namespace chatter::loadgen {

// The messages from one user to another: numbered from 0.
class Flow {
 public:
  Flow(EventLoop& loop, size_t index, const User& from, const User& to, WsClient& sender,
       size_t text_bytes)
      : index_(index),
        loop_(loop),
        from_(from),
        to_(to),
        sender_(sender),
        frames_(from.name, to.name, text_bytes),
        to_come_(text_bytes),
        to_echo_(text_bytes) {}

  size_t index() const { return index_; }
  int64_t sent() const { return sent_; }
  int64_t delivered() const { return to_come_.number(); }
  int64_t echoed() const { return to_echo_.number(); }
  bool is_settled() const { return delivered() == sent_ && echoed() == sent_; }
  // Which of its messages are not where they should be.
  std::string Missing() const;

  // In one write.
  void Send(int64_t messages);

  // What a socket of the recipient, or of the sender, got. False, and the loop fails,
  // when it is not the next message.
  bool OnMessage(std::string_view text);
  bool OnEcho(std::string_view text);

 private:
  bool Check(std::string_view text, NumberedText& expected, const User& at);

  const size_t index_;
  EventLoop& loop_;
  const User& from_;
  const User& to_;
  WsClient& sender_;
  NumberedFrames frames_;
  std::string buffer_;  // keeps its memory
  NumberedText to_come_;
  NumberedText to_echo_;
  int64_t sent_ = 0;
};

// Sessions of pairs of users: 2 i and 2 i + 1 are a pair. Anything that comes but
// messages and presence fails the loop, as does the end of a session.
class Pairs {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // The recipient's socket has this message.
    virtual void OnDelivered(const Flow& flow, int64_t number) = 0;
  };

  Pairs(EventLoop& loop, const Options& options, Observer& observer);
  ~Pairs();

  // Signs the users up and opens their sessions.
  absl::Status Open();
  // One for each pair, or two with BOTH_WAYS.
  const std::vector<std::unique_ptr<Flow>>& flows() const { return flows_; }
  const std::vector<User>& users() const { return users_; }
  // Until everything that was sent has come. DEADLINE_EXCEEDED says what has not.
  absl::Status Drain();

 private:
  class Peer;

  EventLoop& loop_;
  const Options& options_;
  Observer& observer_;
  std::vector<User> users_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::vector<std::unique_ptr<Flow>> flows_;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_PAIRS_H_
