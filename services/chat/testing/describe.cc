#include "services/chat/testing/describe.h"

#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace chatter::chat {

std::string Describe(const v1::Delivery& delivery) {
  const std::set<uint64_t> ids(delivery.sessions().begin(), delivery.sessions().end());
  std::string line = absl::StrCat(absl::StrJoin(ids, ","), ": ");
  const v1::ServerFrame& frame = delivery.frame();
  if (delivery.has_closed()) {
    absl::StrAppend(&line, "closed ",
                    v1::SessionClosed::Reason_Name(delivery.closed().reason()));
  } else if (frame.has_welcome()) {
    absl::StrAppend(&line, "welcome ", frame.welcome().user());
  } else if (frame.has_message()) {
    absl::StrAppend(&line, "message ", frame.message().text());
    if (!frame.message().client_id().empty()) {
      absl::StrAppend(&line, " as ", frame.message().client_id());
    }
  } else if (frame.has_sent()) {
    absl::StrAppend(&line, "sent ", frame.sent().client_id());
  } else if (frame.has_error()) {
    absl::StrAppend(&line, "error ", frame.error().code());
  } else if (frame.has_presence()) {
    absl::StrAppend(&line, "presence ", frame.presence().user(),
                    frame.presence().active() ? " on" : " off");
  } else if (frame.has_pong()) {
    absl::StrAppend(&line, "pong ", frame.pong().payload());
  }
  if (delivery.answered() != 0) {
    absl::StrAppend(&line, " answers ", delivery.answered());
  }
  return line;
}

}  // namespace chatter::chat
