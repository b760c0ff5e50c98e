#ifndef CHATTER_SERVICES_CHAT_USER_H_
#define CHATTER_SERVICES_CHAT_USER_H_

#include <atomic>
#include <memory>
#include <utility>

#include "services/base/rate_limit.h"
#include "storage/storage.h"

namespace chatter::chat {

// A user as all of its sessions and calls share it. Immutable, but for what it may still
// send.
class User : public storage::User {
 public:
  explicit User(storage::User user) : storage::User(std::move(user)) {}
  // What is new of a user who may send no more than before.
  User(storage::User user, const User& before)
      : storage::User(std::move(user)), send_bucket_(before.send_bucket_.load()) {}

  // Of MESSAGE_RATE.
  std::atomic<RateLimit::FullAt>& send_bucket() const { return send_bucket_; }

 private:
  mutable std::atomic<RateLimit::FullAt> send_bucket_{RateLimit::kFull};
};

using UserRef = std::shared_ptr<const User>;

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_USER_H_
