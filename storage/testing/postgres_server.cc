#include "storage/testing/postgres_server.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <pqxx/pqxx>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "glog/logging.h"

namespace chatter::testing {
namespace {

constexpr char kUser[] = "postgres";
constexpr absl::Duration kDeadline = absl::Minutes(1);

// Debian keeps the server's programs out of PATH.
std::string Program(const std::string& name) {
  glob_t found;
  const std::string pattern = absl::StrCat("/usr/lib/postgresql/*/bin/", name);
  CHECK_EQ(glob(pattern.c_str(), 0, nullptr, &found), 0)
      << "there is no " << pattern << "; tools/deps test installs it";
  const std::string program = found.gl_pathv[found.gl_pathc - 1];
  globfree(&found);
  return program;
}

// Short, since a socket's path has at most 107 bytes.
std::string MakeFolder() {
  std::string folder = "/tmp/chatter-pg-XXXXXX";
  PCHECK(mkdtemp(folder.data()) != nullptr);
  if (geteuid() == 0) {
    const passwd* const user = getpwnam(kUser);
    CHECK(user != nullptr) << "there is no user " << kUser;
    PCHECK(chown(folder.c_str(), user->pw_uid, user->pw_gid) == 0);
  }
  return folder;
}

// Or has ended.
void WaitUntilStopped(pid_t pid) {
  while (true) {
    std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
    std::string number, name, state;
    file >> number >> name >> state;
    if (state.empty() || state == "T" || state == "Z") return;
    absl::SleepFor(absl::Milliseconds(1));
  }
}

}  // namespace

PostgresServer::PostgresServer() : folder_(MakeFolder()) {
  RunToEnd({{Program("initdb"), "--pgdata=" + folder_ + "/data", "--auth=trust",
             absl::StrCat("--username=", kUser), "--encoding=UTF8", "--locale=C.UTF-8",
             "--no-sync"},
            {},
            kUser},
           kDeadline);
  Start();
}

PostgresServer::~PostgresServer() {
  if (process_ != nullptr) Kill();
  std::filesystem::remove_all(folder_);
}

void PostgresServer::Start() {
  process_ =
      Process::Start({{Program("postgres"), "-D", folder_ + "/data", "-c",
                       "listen_addresses=", "-c", "unix_socket_directories=" + folder_},
                      {},
                      kUser});
  CHECK(process_->WaitForLine("ready to accept connections", kDeadline).has_value())
      << process_->Output();
}

void PostgresServer::Stop() { Stop(SIGINT); }

void PostgresServer::Kill() { Stop(SIGQUIT); }

void PostgresServer::Stop(int signal) {
  process_->Signal(signal);
  CHECK(process_->Wait(kDeadline).has_value());
  process_.reset();
}

void PostgresServer::Freeze() {
  // The first one before it is asked for the others: it starts no more.
  process_->Signal(SIGSTOP);
  WaitUntilStopped(process_->pid());
  for (const pid_t child : Children()) {
    kill(child, SIGSTOP);
    WaitUntilStopped(child);
  }
}

void PostgresServer::Thaw() {
  for (const pid_t child : Children()) kill(child, SIGCONT);
  process_->Signal(SIGCONT);
}

std::vector<pid_t> PostgresServer::Children() const {
  const pid_t pid = process_->pid();
  std::ifstream file(absl::StrCat("/proc/", pid, "/task/", pid, "/children"));
  return {std::istream_iterator<pid_t>(file), std::istream_iterator<pid_t>()};
}

std::string PostgresServer::UrlOf(const std::string& host, int port,
                                  const std::string& database) {
  return absl::StrCat("postgres://", kUser, "@/", database, "?host=", host,
                      "&port=", port);
}

std::string PostgresServer::CreateDatabase() {
  const std::string name = absl::StrCat("test_", ++databases_);
  pqxx::connection connection(UrlOf(folder_, 5432, "postgres"));
  pqxx::nontransaction(connection).exec("CREATE DATABASE " + name);
  return UrlOf(folder_, 5432, name);
}

}  // namespace chatter::testing
