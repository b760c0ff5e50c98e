#ifndef CHATTER_STORAGE_POSTGRES_ARRAY_H_
#define CHATTER_STORAGE_POSTGRES_ARRAY_H_

#include <endian.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "storage/postgres/connection.h"

namespace chatter::storage::postgres {

// An element of a bytea[].
struct Bytes {
  std::string_view bytes;
};

// The elements' types in pg_type, which are the same everywhere: a bigint[], a text[] or
// a bytea[].
std::integral_constant<uint32_t, 20> TypeOf(int64_t);
std::integral_constant<uint32_t, 20> TypeOf(std::optional<int64_t>);
std::integral_constant<uint32_t, 25> TypeOf(std::string_view);
std::integral_constant<uint32_t, 17> TypeOf(Bytes);

inline void AppendInteger(uint32_t value, std::string& array) {
  value = htobe32(value);
  array.append(reinterpret_cast<const char*>(&value), sizeof(value));
}

inline void AppendElement(int64_t value, std::string& array) {
  AppendInteger(sizeof(value), array);
  const uint64_t bytes = htobe64(static_cast<uint64_t>(value));
  array.append(reinterpret_cast<const char*>(&bytes), sizeof(bytes));
}

inline void AppendElement(std::optional<int64_t> value, std::string& array) {
  if (value.has_value()) {
    AppendElement(*value, array);
  } else {
    AppendInteger(static_cast<uint32_t>(-1), array);
  }
}

inline void AppendElement(std::string_view value, std::string& array) {
  AppendInteger(static_cast<uint32_t>(value.size()), array);
  array.append(value);
}

inline void AppendElement(Bytes value, std::string& array) {
  AppendElement(value.bytes, array);
}

// A PostgreSQL array for a statement's parameter, of what `project` makes of each item,
// as the server's array_recv reads it.
template <typename Items, typename Project>
Binary ToArray(const Items& items, Project project) {
  using Type = decltype(TypeOf(project(*items.begin())));
  std::string array;
  AppendInteger(1, array);  // dimensions
  AppendInteger(1, array);  // may have nulls
  AppendInteger(Type::value, array);
  AppendInteger(static_cast<uint32_t>(items.size()), array);
  AppendInteger(1, array);  // the first index
  for (const auto& item : items) AppendElement(project(item), array);
  return {std::move(array)};
}

}  // namespace chatter::storage::postgres

#endif  // CHATTER_STORAGE_POSTGRES_ARRAY_H_
