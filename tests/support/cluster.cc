#include "tests/support/cluster.h"

#include <signal.h>
#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "glog/logging.h"

namespace chatter::testing {
namespace {

// As Bazel lays them out below the test's folder.
constexpr char kChatd[] = "services/chat/chatd";
constexpr char kEdged[] = "edge/edged";
constexpr char kIdentityd[] = "services/identity/identityd";
constexpr char kNotificationd[] = "services/notification/notificationd";
constexpr char kListening[] = "listening on ";

std::string MakeFolder() {
  std::string folder = "/tmp/chatter-XXXXXX";  // short: it holds a socket
  PCHECK(mkdtemp(folder.data()) != nullptr);
  return folder;
}

std::map<std::string, std::string> Merge(
    std::map<std::string, std::string> defaults,
    const std::map<std::string, std::string>& overrides) {
  for (const auto& [name, value] : overrides) defaults[name] = value;
  return defaults;
}

}  // namespace

std::string NameOf(Engine engine) {
  return engine == Engine::kSqlite ? "Sqlite" : "Postgres";
}

PostgresServer& Cluster::postgres() {
  static auto* const server = [] {
    auto* const made = new PostgresServer;
    std::atexit([] { delete &Cluster::postgres(); });
    return made;
  }();
  return *server;
}

Cluster::Cluster(const ClusterOptions& options)
    : options_(options),
      folder_(MakeFolder()),
      chat_target_(options.chat_over_tcp ? "127.0.0.1:0"
                                         : "unix:" + folder_ + "/chatd.sock"),
      database_url_(options.database_url) {
  if (database_url_.empty()) {
    database_url_ = options.engine == Engine::kSqlite
                        ? "sqlite:" + folder_ + "/chatter.db"
                        : postgres().CreateDatabase();
  }
  auto uacl = standins::Uacl::Start();
  CHECK(uacl.ok()) << uacl.status();
  uacl_ = *std::move(uacl);
  standins::NotifOptions notif_options;
  notif_options.secret = kNotificationAuth;
  auto notif = standins::Notif::Start(notif_options);
  CHECK(notif.ok()) << notif.status();
  notif_ = *std::move(notif);
  if (options_.adapters_apart) StartAdapters();
  StartChatd();
  StartEdged();
  WaitUntilReady();
}

Cluster::~Cluster() {
  if (edged_ != nullptr) StopEdged();
  if (chatd_ != nullptr) StopChatd();
  if (identityd_ != nullptr) Stop(identityd_);
  if (notificationd_ != nullptr) Stop(notificationd_);
  std::filesystem::remove_all(folder_);
}

std::map<std::string, std::string> Cluster::IdentityEnvironment() const {
  return {{"VERIFICATION_URL",
           absl::StrCat("http://127.0.0.1:", uacl_->port(), "/authorize")}};
}

std::map<std::string, std::string> Cluster::NotificationEnvironment() const {
  return {{"NOTIFICATION_URL",
           absl::StrCat("http://127.0.0.1:", notif_->port(), "/notification")},
          {"NOTIFICATION_AUTH", kNotificationAuth},
          {"EMOTIVES_URL", kEmotivesUrl}};
}

void Cluster::StartAdapters() {
  identityd_ =
      Process::Start({{kIdentityd},
                      Merge(IdentityEnvironment(),
                            {{"IDENTITY_LISTEN", "unix:" + folder_ + "/identityd.sock"}}),
                      ""});
  notificationd_ = Process::Start(
      {{kNotificationd},
       Merge(NotificationEnvironment(),
             {{"NOTIFICATION_LISTEN", "unix:" + folder_ + "/notificationd.sock"}}),
       ""});
  for (Process* const process : {identityd_.get(), notificationd_.get()}) {
    CHECK(process->WaitForLine(kListening, kTestDeadline).has_value())
        << process->Output();
  }
}

void Cluster::StartChatd() {
  std::map<std::string, std::string> environment = {
      {"CHAT_LISTEN", chat_target_},
      {"DATABASE_URL", database_url_},
      {"NOTIFICATION_AUTH", kNotificationAuth},
      {"SERVICE_AUTH", kServiceAuth}};
  if (options_.adapters_apart) {
    environment["IDENTITY_TARGET"] = "unix:" + folder_ + "/identityd.sock";
    environment["NOTIFICATION_TARGET"] = "unix:" + folder_ + "/notificationd.sock";
  } else {
    environment.merge(IdentityEnvironment());
    environment.merge(NotificationEnvironment());
  }
  chatd_ = Process::Start({{kChatd}, Merge(environment, options_.chatd), ""});
  const auto address = chatd_->WaitForLine(kListening, kTestDeadline);
  CHECK(address.has_value()) << chatd_->Output();
  // The same port again after a restart.
  chat_target_ = *address;
}

void Cluster::StartEdged() {
  edged_ = Process::Start({{kEdged},
                           Merge({{"HOST", "127.0.0.1"},
                                  {"PORT", absl::StrCat(port_)},
                                  {"CHAT_TARGET", chat_target_},
                                  // A test has one address.
                                  {"HANDSHAKE_RATE", "0"},
                                  {"DRAIN_SECONDS", "0"},
                                  {"EDGE_THREADS", "2"}},
                                 options_.edged),
                           ""});
  const auto address = edged_->WaitForLine(kListening, kTestDeadline);
  CHECK(address.has_value()) << edged_->Output();
  // The same one again after a restart, when other threads may be using it.
  if (port_ != 0) return;
  CHECK(absl::SimpleAtoi(address->substr(address->rfind(':') + 1), &port_)) << *address;
}

void Cluster::WaitUntilReady() {
  const absl::Time deadline = absl::Now() + kTestDeadline;
  // A token that nobody issued is refused by chatd; without chatd it is 503. Each edge
  // thread has a link of its own, and the kernel chooses the thread: so many in a row do
  // not all come to the same one.
  const std::string token(43, 'x');
  int refused = 0;
  while (refused < 32) {
    HttpReply refusal;
    CHECK(WebSocketClient::Connect(edge(), token, &refusal) == nullptr);
    // Too many within a second tell nothing.
    if (refusal.status != 429) refused = refusal.status == 403 ? refused + 1 : 0;
    CHECK(absl::Now() < deadline) << "edged does not reach chatd";
  }
}

void Cluster::Stop(std::unique_ptr<Process>& process) {
  process->Signal(SIGTERM);
  const std::optional<int> code = process->Wait(kTestDeadline);
  CHECK(code == 0) << "exit code " << code.value_or(-1) << ":\n" << process->Output();
  process.reset();
}

void Cluster::Kill(std::unique_ptr<Process>& process) {
  process->Signal(SIGKILL);
  const std::optional<int> code = process->Wait(kTestDeadline);
  CHECK(code == 128 + SIGKILL) << "it had ended by itself, with exit code "
                               << code.value_or(-1) << ":\n"
                               << process->Output();
  process.reset();
}

int AdminPort(const Process& program) {
  constexpr absl::string_view kAnnounced = "admin on http://127.0.0.1:";
  const std::string output = program.Output();
  const size_t begin = output.find(std::string(kAnnounced));
  CHECK_NE(begin, std::string::npos) << output;
  const size_t port = begin + kAnnounced.size();
  int number = 0;
  CHECK(absl::SimpleAtoi(output.substr(port, output.find('\n', port) - port), &number))
      << output;
  return number;
}

Person Cluster::NewPerson(const std::string& name, const std::string& group) {
  return {name, "Authorization: Bearer " + uacl_->AddUser(name, group)};
}

std::string Cluster::TokenFor(const Person& person) {
  const HttpReply reply = Ask(edge(), "GET", "/ws_token", {person.authorization});
  CHECK_EQ(reply.status, 201) << reply.body;
  rapidjson::Document json;
  json.Parse(reply.body);
  return json["result"]["token"].GetString();
}

std::unique_ptr<WebSocketClient> Cluster::Connect(const Person& person,
                                                  int receive_buffer_bytes) {
  HttpReply refusal;
  auto client = WebSocketClient::Connect(edge(), TokenFor(person), &refusal, {},
                                         receive_buffer_bytes);
  CHECK(client != nullptr) << refusal.status << " " << refusal.body;
  return client;
}

}  // namespace chatter::testing
