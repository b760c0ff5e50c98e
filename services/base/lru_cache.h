#ifndef CHATTER_SERVICES_BASE_LRU_CACHE_H_
#define CHATTER_SERVICES_BASE_LRU_CACHE_H_

#include <cstddef>
#include <list>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"

namespace chatter {

// Keeps the `capacity` values that were used last, by string key. Thread-compatible.
template <typename Key, typename Value>
class LruCache {
 public:
  explicit LruCache(size_t capacity) : capacity_(capacity) {}

  // Null when it is not there. Valid until the next call. Counts as a use.
  Value* Find(std::string_view key) {
    const auto it = index_.find(absl::string_view(key.data(), key.size()));
    if (it == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, it->second);
    return &it->second->second;
  }

  // Replaces what is there under the key; lets the least recently used one go when full.
  void Put(Key key, Value value) {
    if (Value* const present = Find(key); present != nullptr) {
      *present = std::move(value);
      return;
    }
    if (index_.size() == capacity_) {
      index_.erase(absl::string_view(entries_.back().first));
      entries_.pop_back();
    }
    entries_.emplace_front(std::move(key), std::move(value));
    index_.emplace(absl::string_view(entries_.front().first), entries_.begin());
  }

  void Erase(std::string_view key) {
    const auto it = index_.find(absl::string_view(key.data(), key.size()));
    if (it == index_.end()) return;
    entries_.erase(it->second);
    index_.erase(it);
  }

  size_t size() const { return index_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;  // most recently used first

  const size_t capacity_;
  Entries entries_;
  absl::flat_hash_map<absl::string_view, typename Entries::iterator> index_;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_LRU_CACHE_H_
