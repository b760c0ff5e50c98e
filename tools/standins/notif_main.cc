// The stand-in for notif as a program.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"
#include "tools/standins/notif.h"

namespace {

using chatter::Setting;

const std::vector<Setting>& Table() {
  static const auto& table = *new std::vector<Setting>{
      {"HOST", Setting::Kind::kText, "127.0.0.1", "where to listen"},
      {"PORT", Setting::Kind::kInteger, "8082", "where to listen; 0: any free port",
       false, false, 0, 65535},
      {"DATA_DIR", Setting::Kind::kText, "",
       "folder for the notifications; without one nothing is kept"},
      {"NOTIFICATION_AUTH", Setting::Kind::kSecret, "", "who may post", true},
  };
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  chatter::InitProcess(argv[0]);
  const chatter::Settings settings = chatter::ParseSettingsOrExit(
      "notif", "Stores and lists notifications, as a stand-in for notif.", Table(), argc,
      argv);
  chatter::StopSignal stop;
  chatter::standins::NotifOptions options;
  options.host = settings.Text("HOST");
  options.port = static_cast<int>(settings.Integer("PORT"));
  options.data_dir = settings.Text("DATA_DIR");
  options.secret = settings.Text("NOTIFICATION_AUTH");
  const auto notif = chatter::standins::Notif::Start(options);
  if (!notif.ok()) {
    chatter::Announce(std::string(notif.status().message()));
    return 1;
  }
  chatter::Announce(
      absl::StrCat("listening on http://", options.host, ":", (*notif)->port()));
  stop.Wait();
}
