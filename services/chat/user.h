#ifndef CHATTER_SERVICES_CHAT_USER_H_
#define CHATTER_SERVICES_CHAT_USER_H_

#include <atomic>
#include <memory>
#include <utility>

#include "services/base/rate_limit.h"
#include "storage/storage.h"

namespace chatter::chat {

// A user as sessions and calls share it. Immutable, but for what it may still send.
class User : public storage::User {
 public:
  explicit User(storage::User user)
      : storage::User(std::move(user)),
        send_bucket_(std::make_shared<std::atomic<RateLimit::FullAt>>(RateLimit::kFull)) {
  }
  // What is new of a user. Sessions that have what was before go on with it, and both
  // together may send no more.
  User(storage::User user, const User& before)
      : storage::User(std::move(user)), send_bucket_(before.send_bucket_) {}

  // Of MESSAGE_RATE.
  std::atomic<RateLimit::FullAt>& send_bucket() const { return *send_bucket_; }

 private:
  const std::shared_ptr<std::atomic<RateLimit::FullAt>> send_bucket_;
};

using UserRef = std::shared_ptr<const User>;

}  // namespace chatter::chat

#endif  // CHATTER_SERVICES_CHAT_USER_H_
