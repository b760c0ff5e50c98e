#!/bin/bash
# Writes a C++ file that implements assets.h with the given files.
set -euo pipefail

readonly delimiter=chatter_asset

content_type() {
  case "$1" in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *)
      echo "embed.sh: no content type for $1" >&2
      return 1
      ;;
  esac
}

cat <<'HEAD'
#include "edge/web/assets.h"

namespace chatter::edge {
namespace {

constexpr Asset kAssets[] = {
HEAD
for file in "$@"; do
  type=$(content_type "$file")
  if grep -qF ")$delimiter\"" "$file"; then
    echo "embed.sh: $file holds the delimiter" >&2
    exit 1
  fi
  printf '    {"/%s", "%s",\n     R"%s(' "${file##*/}" "$type" "$delimiter"
  cat "$file"
  printf ')%s"},\n' "$delimiter"
done
cat <<'TAIL'
};

}  // namespace

absl::Span<const Asset> BuiltInAssets() { return kAssets; }

}  // namespace chatter::edge
TAIL
