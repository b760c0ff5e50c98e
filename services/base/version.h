#ifndef CHATTER_SERVICES_BASE_VERSION_H_
#define CHATTER_SERVICES_BASE_VERSION_H_

namespace chatter {

// Of Chatter as a whole.
inline constexpr char kVersion[] = "0.4.0";

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_VERSION_H_
