#ifndef CHATTER_TOOLS_STANDINS_NOTIF_H_
#define CHATTER_TOOLS_STANDINS_NOTIF_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chatter::standins {

struct NotifOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: the kernel chooses.
  // What `POST /notification` must carry as `Authorization`. Empty: nobody may post.
  std::string secret;
  // Where notifications are kept. Empty: in memory only.
  std::string data_dir;
  // The newest ones that are kept.
  size_t max_notifications = 10'000;
};

// As they came in.
struct Notification {
  std::string username;
  std::string type;
  std::string title;
  std::string message;
  std::string link;
  std::string username_to;
  std::string created_at;
  bool seen = false;
};

// A stand-in for notif, the notification service: a real HTTP service that keeps its
// contract.
//
//   POST /notification            201 and stored; 401 without the secret; 400 when a
//                                 member is missing or of the wrong type.
//   GET /notification?username=   200 result: an array, newest first. Open to anybody
//                                 who can reach the port.
//   GET /notification/count       200 result: how many were taken since the start.
//   GET /healthz                  200.
//
// Thread-safe.
class Notif {
 public:
  // Listens when it returns. UNAVAILABLE: the port is taken; others: the data is bad.
  static absl::StatusOr<std::unique_ptr<Notif>> Start(NotifOptions options);

  virtual ~Notif() = default;

  virtual int port() const = 0;

  // Those that were taken and are kept, oldest first.
  virtual std::vector<Notification> received() const = 0;
  // Waits until this many were taken since the start. False: the time is over.
  virtual bool WaitFor(int64_t count, absl::Duration timeout) = 0;
  // How often POST /notification was called, refused and failed calls too.
  virtual int64_t calls() const = 0;

  // Answers each request this long after it came; a new value also lets go of what the
  // old one holds. What is delayed counts as a call, and as taken when it is answered.
  // /healthz is not touched by this and the next two.
  virtual void SetDelay(absl::Duration delay) = 0;
  // Answers everything with 500 and stores nothing.
  virtual void SetFailing(bool failing) = 0;
  // Answers everything with this status and stores nothing. 0: as it should be.
  virtual void SetStatus(int status) = 0;
};

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_NOTIF_H_
