#ifndef CHATTER_STORAGE_POSTGRES_ARRAY_H_
#define CHATTER_STORAGE_POSTGRES_ARRAY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"

namespace chatter::storage::postgres {

inline void AppendElement(int64_t value, std::string& array) {
  absl::StrAppend(&array, value);
}

inline void AppendElement(std::optional<int64_t> value, std::string& array) {
  if (value.has_value()) {
    absl::StrAppend(&array, *value);
  } else {
    array += "NULL";
  }
}

inline void AppendElement(std::string_view value, std::string& array) {
  array += '"';
  size_t done = 0;
  for (size_t i = value.find_first_of("\"\\"); i != std::string_view::npos;
       i = value.find_first_of("\"\\", i + 1)) {
    array.append(value, done, i - done);
    array += '\\';
    done = i;
  }
  array.append(value, done, value.size() - done);
  array += '"';
}

// A PostgreSQL array in text form, for a statement's parameter, of what `project` makes
// of each item: https://www.postgresql.org/docs/15/arrays.html#ARRAYS-IO.
template <typename Items, typename Project>
std::string ToArray(const Items& items, Project project) {
  std::string array = "{";
  for (const auto& item : items) {
    if (array.size() > 1) array += ',';
    AppendElement(project(item), array);
  }
  array += '}';
  return array;
}

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_ARRAY_H_
