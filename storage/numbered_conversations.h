#ifndef CHATTER_STORAGE_NUMBERED_CONVERSATIONS_H_
#define CHATTER_STORAGE_NUMBERED_CONVERSATIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/node_hash_map.h"
#include "absl/hash/hash.h"
#include "absl/strings/string_view.h"

namespace chatter::storage {

// A direct conversation as who numbers its messages knows it.
struct NumberedConversation {
  int64_t id = 0;
  int64_t last_seq = 0;  // to be moved on by who adds a message
};

// Those that an engine remembers, by the names of their two users in byte order. Of one
// thread at a time.
class NumberedConversations {
 public:
  // Some 10 MB.
  static constexpr size_t kMost = 65'536;

  size_t size() const { return conversations_.size(); }

  // Null when it is not remembered. Valid until it is forgotten, or a Remember beyond
  // kMost.
  NumberedConversation* Find(std::string_view low, std::string_view high) {
    const auto known = conversations_.find(Names(View(low), View(high)));
    return known == conversations_.end() ? nullptr : &known->second;
  }

  // When there are kMost, the others are forgotten.
  NumberedConversation* Remember(std::string_view low, std::string_view high,
                                 const NumberedConversation& conversation) {
    if (conversations_.size() >= kMost) ForgetAll();
    return &conversations_
                .try_emplace(std::make_pair(std::string(low), std::string(high)),
                             conversation)
                .first->second;
  }

  void Forget(std::string_view low, std::string_view high) {
    conversations_.erase(Names(View(low), View(high)));
  }
  void ForgetAll() { conversations_.clear(); }

 private:
  using Names = std::pair<absl::string_view, absl::string_view>;
  // Found by views of the names.
  struct HashNames {
    using is_transparent = void;
    size_t operator()(const Names& names) const { return absl::HashOf(names); }
  };
  struct EqualNames {
    using is_transparent = void;
    bool operator()(const Names& a, const Names& b) const { return a == b; }
  };

  static absl::string_view View(std::string_view view) {
    return {view.data(), view.size()};
  }

  absl::node_hash_map<std::pair<std::string, std::string>, NumberedConversation,
                      HashNames, EqualNames>
      conversations_;
};

}  // namespace chatter::storage

#endif  // CHATTER_STORAGE_NUMBERED_CONVERSATIONS_H_
