#ifndef CHATTER_TOOLS_STANDINS_UACL_H_
#define CHATTER_TOOLS_STANDINS_UACL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace chatter::standins {

struct UaclOptions {
  std::string host = "127.0.0.1";
  int port = 0;  // 0: the kernel chooses.
  // Where accounts and the signing key are kept. Empty: in memory only.
  std::string data_dir;
  // Where Chatter's `POST /user` is told of new accounts ("http://127.0.0.1:8080"), and
  // its secret. Empty: nobody is told.
  std::string chatter_url;
  std::string chatter_secret;
  // How long a token from `POST /login` is good.
  absl::Duration token_lifetime = absl::Hours(24);
};

// A stand-in for uacl, the identity provider: a real HTTP service that keeps its
// contract.
//
//   POST /user      {"username","password","name"?,"user_group"?}: creates an account,
//   and
//                   tells Chatter. 201, 400 with the rule that is broken.
//   POST /login     {"username","password"}: 200 result {"token"}, 401.
//   GET /authorize  Authorization: Bearer <token>: 200 result {"name","username",
//                   "user_group"}, 401.
//   GET /healthz    200.
//
// Usernames are lowercased: 3 to 100 letters, digits, spaces, underscores. Passwords have
// 1 to 128 bytes and are kept as scrypt hashes. At most 100,000 accounts. Thread-safe.
class Uacl {
 public:
  // Listens when it returns. UNAVAILABLE: the port is taken; others: the data is bad.
  static absl::StatusOr<std::unique_ptr<Uacl>> Start(UaclOptions options = {});

  virtual ~Uacl() = default;

  virtual int port() const = 0;

  // Creates an account that has no password, or moves it to another group, and returns a
  // token for it. A `valid_for` that is negative makes a token that has expired. The name
  // is lowercased but not otherwise restricted.
  virtual std::string AddUser(std::string_view username, std::string_view group,
                              absl::Duration valid_for = absl::Hours(24)) = 0;

  // From now on new accounts are told to this Chatter.
  virtual void SetChatterUrl(std::string_view url) = 0;

  // Answers each request this long after it came; a new value also lets go of what the
  // old one holds. /healthz is not touched by this and the next.
  virtual void SetDelay(absl::Duration delay) = 0;
  // Answers everything with 500.
  virtual void SetFailing(bool failing) = 0;

  // How often /authorize was called, as of when the calls came in.
  virtual int64_t authorize_calls() const = 0;
};

}  // namespace chatter::standins

#endif  // CHATTER_TOOLS_STANDINS_UACL_H_
