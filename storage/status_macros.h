#ifndef CHATTER_STORAGE_STATUS_MACROS_H_
#define CHATTER_STORAGE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Abseil has these only in its users' private copies.
#define CHATTER_RETURN_IF_ERROR(expression)          \
  do {                                               \
    absl::Status chatter_status = (expression);      \
    if (!chatter_status.ok()) return chatter_status; \
  } while (false)

#define CHATTER_CONCAT_INNER(a, b) a##b
#define CHATTER_CONCAT(a, b) CHATTER_CONCAT_INNER(a, b)

// `declaration` gets the value, or the function returns the error.
#define CHATTER_ASSIGN_OR_RETURN(declaration, expression)                           \
  CHATTER_ASSIGN_OR_RETURN_IMPL(CHATTER_CONCAT(chatter_or_, __LINE__), declaration, \
                                expression)
#define CHATTER_ASSIGN_OR_RETURN_IMPL(or_name, declaration, expression) \
  auto or_name = (expression);                                          \
  if (!or_name.ok()) return or_name.status();                           \
  declaration = *std::move(or_name)

#endif  // CHATTER_STORAGE_STATUS_MACROS_H_
