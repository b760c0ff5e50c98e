#ifndef CHATTER_STORAGE_TESTING_POSTGRES_PROXY_H_
#define CHATTER_STORAGE_TESTING_POSTGRES_PROXY_H_

#include <queue>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "storage/testing/postgres_server.h"

namespace chatter::testing {

// Stands between the engine and PostgreSQL, and can lose what either of them says. Its
// clients must have gone when it is destroyed.
class PostgresProxy {
 public:
  enum class Fault {
    kNone,
    // A statement that has the text is not handed on: the connection breaks first.
    kBefore,
    // It is handed on, and the connection breaks before its answer comes back.
    kAfter,
    // Neither it nor anything after it is handed on, and the connection stays.
    kSilence,
  };

  explicit PostgresProxy(const PostgresServer& server);
  ~PostgresProxy();

  // The URL of the server's database, through the proxy.
  std::string UrlOf(const std::string& server_url) const;

  // For the next statement (or execution of a prepared one) that has this text in it or
  // in its parameters. Several faults come one after the other.
  void Add(Fault fault, const std::string& text) ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether all of them have come.
  bool is_done() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Planned {
    Fault fault;
    std::string text;
  };

  void Accept();
  void Relay(int client);
  bool Forward(int from, int to, bool is_from_client);
  Fault FaultFor(std::string_view bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string server_;
  std::string folder_;
  int listener_;
  mutable absl::Mutex mutex_;
  std::queue<Planned> faults_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
  std::vector<std::thread> connections_;  // of the acceptor
};

}  // namespace chatter::testing

#endif  // CHATTER_STORAGE_TESTING_POSTGRES_PROXY_H_
