// The stand-in for uacl as a program.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"
#include "tools/standins/uacl.h"

namespace {

using chatter::Setting;

const std::vector<Setting>& Table() {
  static const auto& table = *new std::vector<Setting>{
      {"HOST", Setting::Kind::kText, "127.0.0.1", "where to listen"},
      {"PORT", Setting::Kind::kInteger, "8081", "where to listen; 0: any free port",
       false, false, 0, 65535},
      {"DATA_DIR", Setting::Kind::kText, "",
       "folder for the accounts and the key; without one nothing is kept"},
      {"CHATTER_URL", Setting::Kind::kText, "",
       "edged, which is told of new accounts; without one nobody is"},
      {"NOTIFICATION_AUTH", Setting::Kind::kSecret, "", "Chatter's secret for that"},
  };
  return table;
}

}  // namespace

int main(int argc, char** argv) {
  chatter::InitProcess(argv[0]);
  const chatter::Settings settings = chatter::ParseSettingsOrExit(
      "uacl", "Keeps accounts and signs tokens, as a stand-in for uacl.", Table(), argc,
      argv);
  chatter::StopSignal stop;
  chatter::standins::UaclOptions options;
  options.host = settings.Text("HOST");
  options.port = static_cast<int>(settings.Integer("PORT"));
  options.data_dir = settings.Text("DATA_DIR");
  options.chatter_url = settings.Text("CHATTER_URL");
  options.chatter_secret = settings.Text("NOTIFICATION_AUTH");
  const auto uacl = chatter::standins::Uacl::Start(options);
  if (!uacl.ok()) {
    chatter::Announce(std::string(uacl.status().message()));
    return 1;
  }
  chatter::Announce(
      absl::StrCat("listening on http://", options.host, ":", (*uacl)->port()));
  stop.Wait();
}
