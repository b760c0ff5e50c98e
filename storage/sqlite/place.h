#ifndef CHATTER_STORAGE_SQLITE_PLACE_H_
#define CHATTER_STORAGE_SQLITE_PLACE_H_

#include <cstdint>

namespace chatter::storage::sqlite {

// The key of the table `messages`: a conversation's messages lie side by side, by seq.
constexpr int64_t PlaceOf(int64_t conversation, int64_t seq) {
  return conversation << 32 | seq;
}

constexpr int64_t SeqAt(int64_t place) { return place & 0xFFFFFFFF; }

}  // namespace chatter::storage::sqlite

#endif  // CHATTER_STORAGE_SQLITE_PLACE_H_
