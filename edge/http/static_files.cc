#include "edge/http/static_files.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/sha256.h"

namespace chatter::edge {
namespace {

constexpr size_t kMaxFiles = 1'000;
constexpr size_t kMaxBytes = 64 << 20;

std::string_view ContentType(const std::string& extension) {
  static const std::map<std::string_view, std::string_view> types = {
      {".css", "text/css; charset=utf-8"},
      {".html", "text/html; charset=utf-8"},
      {".ico", "image/x-icon"},
      {".jpg", "image/jpeg"},
      {".js", "text/javascript; charset=utf-8"},
      {".json", "application/json"},
      {".png", "image/png"},
      {".svg", "image/svg+xml"},
      {".txt", "text/plain; charset=utf-8"},
      {".webmanifest", "application/manifest+json"},
      {".woff2", "font/woff2"},
  };
  const auto it = types.find(extension);
  return it == types.end() ? "application/octet-stream" : it->second;
}

}  // namespace

StaticFiles::StaticFiles(absl::Span<const Asset> assets) {
  for (const Asset& asset : assets) {
    Add(std::string(asset.path), asset.content_type, std::string(asset.body));
  }
}

absl::StatusOr<StaticFiles> StaticFiles::FromFolder(const std::string& folder) {
  namespace fs = std::filesystem;
  const auto unreadable = [&](const std::string& why) {
    return absl::InvalidArgumentError(absl::StrCat("cannot serve ", folder, ": ", why));
  };
  StaticFiles files;
  size_t bytes = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    std::ifstream stream(it->path(), std::ios::binary);
    std::string body((std::istreambuf_iterator<char>(stream)),
                     std::istreambuf_iterator<char>());
    if (!stream) return unreadable(it->path().string());
    bytes += body.size();
    if (files.files_.size() == kMaxFiles || bytes > kMaxBytes) {
      return unreadable("more than 1,000 files or 64 MiB");
    }
    const std::string relative = fs::relative(it->path(), folder, error).generic_string();
    files.Add("/" + relative, ContentType(it->path().extension().string()),
              std::move(body));
  }
  if (error) return unreadable(error.message());
  return files;
}

void StaticFiles::Add(std::string path, std::string_view content_type, std::string body) {
  const Sha256Hash hash = Sha256(body);
  const absl::string_view prefix(reinterpret_cast<const char*>(hash.data()), 12);
  std::string etag = absl::StrCat("\"", absl::WebSafeBase64Escape(prefix), "\"");
  files_[std::move(path)] = {content_type, std::move(body), std::move(etag)};
}

bool StaticFiles::Has(const std::string& path) const {
  return files_.count(path == "/" ? "/index.html" : path) > 0;
}

HttpAnswer StaticFiles::Answer(const HttpRequest& request) const {
  const File& file = files_.at(request.path() == "/" ? "/index.html" : request.path());
  HttpAnswer answer;
  answer.content_type = file.content_type;
  answer.headers.emplace_back("ETag", file.etag);
  if (request.Header("If-None-Match") == file.etag) {
    answer.status = 304;
  } else {
    answer.body = file.body;
  }
  return answer;
}

}  // namespace chatter::edge
