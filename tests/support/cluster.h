// The real programs, with real neighbours and a real database.
#ifndef CHATTER_TESTS_SUPPORT_CLUSTER_H_
#define CHATTER_TESTS_SUPPORT_CLUSTER_H_

#include <map>
#include <memory>
#include <string>

#include "storage/testing/postgres_server.h"
#include "storage/testing/process.h"
#include "tests/support/http.h"
#include "tests/support/web_socket_client.h"
#include "tools/standins/notif.h"
#include "tools/standins/uacl.h"

namespace chatter::testing {

enum class Engine { kSqlite, kPostgres };
// For names of tests.
std::string NameOf(Engine engine);

inline constexpr char kNotificationAuth[] = "notification-secret";
inline constexpr char kServiceAuth[] = "service-secret";
inline constexpr char kEmotivesUrl[] = "https://app.example/";

struct ClusterOptions {
  Engine engine = Engine::kSqlite;
  std::string database_url;  // of a database that is there; empty: a new one
  // identityd and notificationd as processes of their own, instead of within chatd.
  bool adapters_apart = false;
  // Between edged and chatd, instead of a Unix socket.
  bool chat_over_tcp = false;
  // Besides, or in place of, what a cluster sets itself.
  std::map<std::string, std::string> chatd;
  std::map<std::string, std::string> edged;
  // A client's, for an edged that has been given certificates.
  std::shared_ptr<SSL_CTX> tls;
};

// Somebody whom uacl knows.
struct Person {
  std::string name;
  std::string authorization;  // "Authorization: Bearer <jwt>"
};

// chatd on a Unix socket, edged on a port that it keeps, uacl and notif in this process.
// What does not start or stop as it should ends the test. Not thread-safe, but for
// port().
class Cluster {
 public:
  explicit Cluster(const ClusterOptions& options);
  ~Cluster();

  // Of edged.
  int port() const { return port_; }
  Server edge() const { return {port_, options_.tls}; }
  const std::string& chat_target() const { return chat_target_; }
  const std::string& database_url() const { return database_url_; }
  const std::string& folder() const { return folder_; }
  standins::Uacl& uacl() { return *uacl_; }
  standins::Notif& notif() { return *notif_; }
  Process& chatd() { return *chatd_; }
  Process& edged() { return *edged_; }
  // The test's own PostgreSQL, shared by its clusters.
  static PostgresServer& postgres();

  Person NewPerson(const std::string& name, const std::string& group);
  // A ws token.
  std::string TokenFor(const Person& person);
  std::unique_ptr<WebSocketClient> Connect(const Person& person,
                                           int receive_buffer_bytes = 0);

  void StartChatd();
  void StartEdged();
  // With SIGTERM; exit code 0 is wanted.
  void StopChatd() { Stop(chatd_); }
  void StopEdged() { Stop(edged_); }
  void KillChatd() { Kill(chatd_); }
  void KillEdged() { Kill(edged_); }
  // Until edged reaches chatd.
  void WaitUntilReady();

 private:
  std::map<std::string, std::string> IdentityEnvironment() const;
  std::map<std::string, std::string> NotificationEnvironment() const;
  void StartAdapters();
  static void Stop(std::unique_ptr<Process>& process);
  static void Kill(std::unique_ptr<Process>& process);

  const ClusterOptions options_;
  std::string folder_;
  std::string chat_target_;
  std::string database_url_;
  int port_ = 0;
  std::unique_ptr<standins::Uacl> uacl_;
  std::unique_ptr<standins::Notif> notif_;
  std::unique_ptr<Process> identityd_;
  std::unique_ptr<Process> notificationd_;
  std::unique_ptr<Process> chatd_;
  std::unique_ptr<Process> edged_;
};

// Where chatd or edged, started with ADMIN_LISTEN, says that it listens for the operator.
int AdminPort(const Process& program);

}  // namespace chatter::testing

#endif  // CHATTER_TESTS_SUPPORT_CLUSTER_H_
