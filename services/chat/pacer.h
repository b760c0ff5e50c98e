// How soon one transaction of messages follows another.
#ifndef CHATTER_SERVICES_CHAT_PACER_H_
#define CHATTER_SERVICES_CHAT_PACER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "services/chat/send.h"

namespace chatter::chat {

// Between the starts of two transactions, unless enough messages wait. At 2,000 messages
// a second of 50 senders it takes a third of the CPU for each away, and adds half of this
// to their latency.
inline constexpr absl::Duration kPace = absl::Microseconds(600);

// A transaction, and waking all who take part in it, costs nearly the same for a few
// messages as for one, so it pays to let them gather when they come from many sides. Not
// when all of them, those of the last batch included, are of one sender or of one
// conversation: whoever waits for an answer before writing more gains nothing by company.
// Of one thread at a time.
class Pacer {
 public:
  // kPace, or zero.
  absl::Duration PaceAfter(const std::vector<PendingSend>& batch);

 private:
  // Whether it is of the sender, or in the conversation, of the message before.
  bool Continues(const PendingSend& send);

  int64_t sender_ = 0;
  std::string low_, high_;  // the conversation
};

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_PACER_H_
