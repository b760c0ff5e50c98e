#ifndef CHATTER_SERVICES_BASE_LRU_CACHE_H_
#define CHATTER_SERVICES_BASE_LRU_CACHE_H_

#include <cstddef>
#include <iterator>
#include <list>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace chatter {

// Keeps the `capacity` values that were used last. KeyOf gives the key of a value, and of
// what is looked up. Thread-compatible.
template <typename Value, typename KeyOf>
class LruCache {
 public:
  explicit LruCache(size_t capacity) : capacity_(capacity) {}

  // Null when it is not there. Valid until the next call. Counts as a use.
  template <typename Key>
  Value* Find(const Key& key) {
    const auto it = index_.find(key);
    if (it == index_.end()) return nullptr;
    values_.splice(values_.begin(), values_, *it);
    return &**it;
  }

  // Replaces what is there under the value's key; lets the least recently used one go
  // when full.
  void Put(Value value) {
    if (Value* const present = Find(value); present != nullptr) {
      *present = std::move(value);
      return;
    }
    if (index_.size() == capacity_) {
      index_.erase(std::prev(values_.end()));
      values_.pop_back();
    }
    values_.push_front(std::move(value));
    index_.insert(values_.begin());
  }

  size_t size() const { return index_.size(); }

 private:
  using Values = std::list<Value>;  // most recently used first
  using Entry = typename Values::iterator;

  static decltype(auto) KeyIn(Entry entry) { return KeyOf()(*entry); }
  template <typename T>
  static decltype(auto) KeyIn(const T& of) {
    return KeyOf()(of);
  }
  struct HashByKey {
    using is_transparent = void;
    template <typename T>
    size_t operator()(const T& of) const {
      return absl::HashOf(KeyIn(of));
    }
  };
  struct EqualByKey {
    using is_transparent = void;
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const {
      return KeyIn(a) == KeyIn(b);
    }
  };

  const size_t capacity_;
  Values values_;
  absl::flat_hash_set<Entry, HashByKey, EqualByKey> index_;
};

}  // namespace chatter

#endif  // CHATTER_SERVICES_BASE_LRU_CACHE_H_
