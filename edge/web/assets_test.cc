#include "edge/web/assets.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

namespace chatter::edge {
namespace {

std::string FileContent(std::string_view path) {
  std::ifstream file("edge/web" + std::string(path), std::ios::binary);
  EXPECT_TRUE(file) << path;
  std::ostringstream content;
  content << file.rdbuf();
  return content.str();
}

TEST(AssetsTest, HoldsTheFilesByteForByte) {
  ASSERT_FALSE(BuiltInAssets().empty());
  for (const Asset& asset : BuiltInAssets()) {
    EXPECT_EQ(asset.body, FileContent(asset.path)) << asset.path;
    EXPECT_FALSE(asset.body.empty()) << asset.path;
  }
}

TEST(AssetsTest, NamesContentTypes) {
  std::map<std::string_view, std::string_view> types;
  for (const Asset& asset : BuiltInAssets()) types[asset.path] = asset.content_type;
  EXPECT_EQ(types["/index.html"], "text/html; charset=utf-8");
  EXPECT_EQ(types["/style.css"], "text/css; charset=utf-8");
  EXPECT_EQ(types["/app.js"], "text/javascript; charset=utf-8");
  EXPECT_EQ(types["/icon.svg"], "image/svg+xml");
}

// A page that is deployed needs nothing from anywhere else.
TEST(AssetsTest, RefersOnlyToWhatIsBuiltIn) {
  std::set<std::string> paths;
  for (const Asset& asset : BuiltInAssets()) paths.emplace(asset.path);
  const std::regex reference(
      R"re((?:src|href)="([^"]*)"|from '\.([^']*)'|url\(([^)]*)\))re");
  int references = 0;
  for (const Asset& asset : BuiltInAssets()) {
    const std::string body(asset.body);
    for (std::sregex_iterator each(body.begin(), body.end(), reference), end; each != end;
         ++each) {
      std::string path = (*each)[1].str() + (*each)[2].str() + (*each)[3].str();
      if (path[0] != '/') path.insert(0, "/");
      EXPECT_TRUE(paths.count(path)) << asset.path << " refers to " << path;
      ++references;
    }
  }
  EXPECT_GE(references, 10);
}

// Text of other people must never be parsed as markup.
TEST(AssetsTest, NeverWritesMarkup) {
  for (const Asset& asset : BuiltInAssets()) {
    for (const char* sink : {"innerHTML", "outerHTML", "insertAdjacentHTML",
                             "document.write", "eval(", "style=\"", "<script>"}) {
      EXPECT_EQ(asset.body.find(sink), std::string_view::npos)
          << asset.path << " has " << sink;
    }
  }
}

}  // namespace
}  // namespace chatter::edge
