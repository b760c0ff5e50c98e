// How long messages gather before they go to the chat service.
#ifndef CHATTER_EDGE_LINK_SEND_PACER_H_
#define CHATTER_EDGE_LINK_SEND_PACER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace chatter::edge {

// A transaction, and waking all who take part in it, costs nearly the same for a few
// messages as for one, so it pays to let them gather when they come from many sides. Not
// those of one or two who may wait for an answer before they write more: they gain
// nothing by company. And not when so many come that they gather anyway.
class SendPacer {
 public:
  // From one flush to the next. At 2,000 messages a second of 50 senders it takes a third
  // of the CPU for each away, and adds half of this to their latency.
  static constexpr absl::Duration kPause = absl::Microseconds(850);
  // Messages within kPause that gather anyway.
  static constexpr int kMany = 10;

  // A message of this session goes out with the next flush.
  void OnSend(uint64_t session);
  // That was it: kPause, or zero.
  absl::Duration PauseAfterFlush(absl::Duration now);

 private:
  uint64_t last_ = 0, last_but_one_ = 0;  // two different senders; 0: none yet
  bool in_company_ = false;
  int sent_ = 0;  // since the last flush

  absl::Duration counted_since_ = -absl::InfiniteDuration();
  int counted_ = 0;
  bool were_many_ = false;  // in the time before
};

}  // namespace chatter::edge

#endif  // CHATTER_EDGE_LINK_SEND_PACER_H_
