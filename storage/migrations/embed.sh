#!/bin/sh
# embed.sh NAME FILE...: C++ that defines the function NAME over the migrations FILE...,
# whose names begin with their version.
set -eu
name=$1
shift
echo '#include "storage/migrations/migrations.h"'
echo 'namespace chatter::storage {'
echo 'namespace {'
echo 'constexpr Migration kMigrations[] = {'
for file in "$@"; do
  version=$(basename "$file" | cut -d_ -f1 | sed 's/^0*//')
  printf '{%s, R"sql(' "$version"
  cat "$file"
  echo ')sql"},'
done
echo '};'
echo '}  // namespace'
echo "absl::Span<const Migration> $name() { return kMigrations; }"
echo '}  // namespace chatter::storage'
