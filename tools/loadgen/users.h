#ifndef CHATTER_TOOLS_LOADGEN_USERS_H_
#define CHATTER_TOOLS_LOADGEN_USERS_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/options.h"

namespace chatter::loadgen {

struct User {
  std::string name;
  std::string bearer;  // uacl's token
};

// The same in each run: "load_g2_7" is of the group "load_g2_3".
std::string UserName(std::string_view prefix, int group_size, int index);
std::string GroupName(std::string_view prefix, int group_size, int index);

// Users 0 to `count` - 1. Signs them up and in at uacl, which takes it 0.1 s of CPU each;
// or, with UACL_DATA, signs their tokens itself.
absl::StatusOr<std::vector<User>> PrepareUsers(EventLoop& loop, const Options& options,
                                               int count);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_USERS_H_
