#ifndef CHATTER_TOOLS_LOADGEN_CROWD_H_
#define CHATTER_TOOLS_LOADGEN_CROWD_H_

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/old_frames.h"
#include "tools/loadgen/ws_client.h"

namespace chatter::loadgen {

// Sessions that send nothing. Anything that comes but presence and pings fails the loop.
class Crowd {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnPresence(size_t /*session*/, const OldFrame& /*frame*/) {}
    virtual void OnPing() {}
  };

  Crowd(EventLoop& loop, size_t sessions, Observer& observer);
  ~Crowd();

  size_t size() const { return members_.size(); }
  // To be opened.
  WsClient& client(size_t session);
  // Starts to close it; is_closed when the server has agreed.
  void Leave(size_t session);
  bool is_closed(size_t session) const;

 private:
  class Member;

  std::vector<std::unique_ptr<Member>> members_;
};

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_CROWD_H_
