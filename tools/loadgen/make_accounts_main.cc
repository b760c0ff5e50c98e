// Fills the folder of uacl's stand-in with the accounts of loadgen's users, which can
// sign up by HTTP only slowly. Before the stand-in is started on it.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/lifecycle.h"
#include "services/base/settings.h"
#include "tools/loadgen/users.h"
#include "tools/standins/accounts.h"

namespace {

using chatter::Setting;

Setting Integer(std::string_view name, std::string_view default_value,
                std::string_view meaning, int64_t max) {
  Setting setting{name, Setting::Kind::kInteger, default_value, meaning};
  setting.min = 1;
  setting.max = max;
  return setting;
}

std::vector<Setting> Table() {
  Setting data{"UACL_DATA", Setting::Kind::kText, "", "the stand-in's DATA_DIR"};
  data.required = true;
  return {
      data,
      {"USER_PREFIX", Setting::Kind::kText, "load", "as for loadgen"},
      Integer("USERS", "5000", "how many", 100'000),
      Integer("GROUP_SIZE", "2", "as for loadgen; for presence, its users", 100'000),
  };
}

}  // namespace

int main(int argc, char** argv) {
  const chatter::Settings settings = chatter::ParseSettingsOrExit(
      "make_accounts", "makes accounts for loadgen in the folder of uacl's stand-in",
      Table(), argc, argv);
  chatter::InitProcess(argv[0]);
  chatter::standins::Accounts accounts(settings.Text("UACL_DATA") + "/users.json");
  absl::Status status = accounts.Load();
  const std::string& prefix = settings.Text("USER_PREFIX");
  const int group_size = static_cast<int>(settings.Integer("GROUP_SIZE"));
  for (int i = 0; status.ok() && i < settings.Integer("USERS"); ++i) {
    accounts.Put(chatter::loadgen::UserName(prefix, group_size, i),
                 chatter::loadgen::GroupName(prefix, group_size, i));
  }
  status.Update(accounts.Save());
  if (status.ok()) return 0;
  chatter::Announce(absl::StrCat("make_accounts: ", status.message()));
  return 1;
}
