#ifndef CHATTER_TOOLS_LOADGEN_SESSION_OPENER_H_
#define CHATTER_TOOLS_LOADGEN_SESSION_OPENER_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tools/loadgen/event_loop.h"
#include "tools/loadgen/histogram.h"
#include "tools/loadgen/http_connection.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/users.h"
#include "tools/loadgen/ws_client.h"

namespace chatter::loadgen {

// How long the two steps to a session took, connecting included.
struct OpenTimes {
  Histogram token;      // GET /ws_token
  Histogram handshake;  // GET /ws?token=, until 101
};

// Opens one session after another, as a browser does: a ws token by HTTP, then a
// WebSocket. Any refusal fails the loop.
class SessionOpener : public HttpConnection::Owner {
 public:
  // `reuse`: whether the HTTP connection is kept for the next session.
  SessionOpener(EventLoop& loop, const Options& options, uint32_t from, bool reuse,
                OpenTimes& times)
      : loop_(loop),
        options_(options),
        from_(from),
        reuse_(reuse),
        times_(times),
        http_(loop, options.edge, from, *this) {}

  // `opened` runs when the socket is open, and hears how long all of it took. One at a
  // time.
  using Opened = std::function<void(int64_t took)>;
  void Open(const User& user, WsClient& client, Opened opened);

 private:
  void OnResponse(const absl::StatusOr<HttpResponse>& response) override;
  void OnOpened(const absl::Status& status);

  EventLoop& loop_;
  const Options& options_;
  const uint32_t from_;
  const bool reuse_;
  OpenTimes& times_;
  HttpConnection http_;
  std::string request_;
  const User* user_ = nullptr;
  WsClient* client_ = nullptr;
  Opened opened_;
  int64_t begun_ = 0;
  int64_t has_token_ = 0;
};

struct Opening {
  const User& user;
  WsClient& client;
};

// Opens them all, so many at a time, in order.
absl::Status OpenSessions(EventLoop& loop, const Options& options,
                          const std::vector<Opening>& openings, int clients);

// The local address of the `index`th of `connections` clients: 0 for any.
uint32_t LocalAddress(const Options& options, int connections, int index);

}  // namespace chatter::loadgen

#endif  // CHATTER_TOOLS_LOADGEN_SESSION_OPENER_H_
