#ifndef CHATTER_SERVICES_CHAT_TESTING_DESCRIBE_H_
#define CHATTER_SERVICES_CHAT_TESTING_DESCRIBE_H_

#include <string>

#include "chatter/v1/edge.pb.h"

namespace chatter::chat {

// A delivery in short: "1,2: message hi answers 1", "3: presence bob on".
std::string Describe(const v1::Delivery& delivery);

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_TESTING_DESCRIBE_H_
