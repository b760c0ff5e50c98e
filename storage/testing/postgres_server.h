#ifndef CHATTER_STORAGE_TESTING_POSTGRES_SERVER_H_
#define CHATTER_STORAGE_TESTING_POSTGRES_SERVER_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "storage/testing/process.h"

namespace chatter::testing {

// A real PostgreSQL of the test's own, in a temporary folder, reached over a Unix socket
// only, with the durability that PostgreSQL has by default. Runs as the user `postgres`
// when the test is root, since it refuses to be root. What goes wrong ends the test.
class PostgresServer {
 public:
  // Made once (initdb) and running when this returns.
  PostgresServer();
  ~PostgresServer();

  // A DATABASE_URL for a new, empty database.
  std::string CreateDatabase();
  // The folder of its socket, for a proxy: `<folder>/.s.PGSQL.5432`.
  const std::string& socket_folder() const { return folder_; }
  static std::string UrlOf(const std::string& host, int port,
                           const std::string& database);

  // Of its first process; the others are its children.
  pid_t pid() const { return process_->pid(); }

  void Start();
  // As `pg_ctl stop -m fast`: what runs is rolled back.
  void Stop();
  // At once: what runs is cut off, and the next start has to recover.
  void Kill();

  // Stops all its processes where they are. The kernel goes on: it takes what is sent to
  // them, and new connections.
  void Freeze();
  void Thaw();

 private:
  void Stop(int signal);
  // Those that the first one has started.
  std::vector<pid_t> Children() const;

  std::string folder_;
  std::unique_ptr<Process> process_;
  int databases_ = 0;
};

}  // namespace chatter::testing

#endif  // CHATTER_STORAGE_TESTING_POSTGRES_SERVER_H_
