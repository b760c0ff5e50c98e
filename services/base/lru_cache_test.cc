#include "services/base/lru_cache.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter {
namespace {

struct Entry {
  std::string key;
  int value;
};

struct EntryKey {
  const std::string& operator()(const Entry& entry) const { return entry.key; }
  const std::string& operator()(const std::string& key) const { return key; }
};

using Cache = LruCache<Entry, EntryKey>;

int ValueOf(Cache& cache, const std::string& key) {
  const Entry* const entry = cache.Find(key);
  return entry == nullptr ? -1 : entry->value;
}

TEST(LruCacheTest, LetsTheLeastRecentlyUsedGo) {
  Cache cache(2);
  cache.Put({"a", 1});
  cache.Put({"b", 2});
  ASSERT_EQ(ValueOf(cache, "a"), 1);
  cache.Put({"c", 3});
  EXPECT_EQ(ValueOf(cache, "b"), -1);
  EXPECT_EQ(ValueOf(cache, "a"), 1);
  EXPECT_EQ(ValueOf(cache, "c"), 3);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(LruCacheTest, ReplacesInPlace) {
  Cache cache(2);
  cache.Put({"a", 1});
  cache.Put({"b", 2});
  cache.Put({"a", 3});
  EXPECT_EQ(cache.size(), 2u);
  cache.Put({"c", 4});
  EXPECT_EQ(ValueOf(cache, "b"), -1);
  EXPECT_EQ(ValueOf(cache, "a"), 3);
}

TEST(LruCacheTest, StaysWithinItsCapacity) {
  Cache cache(100);
  for (int i = 0; i < 10'000; ++i) cache.Put({std::to_string(i % 1000), i});
  EXPECT_EQ(cache.size(), 100u);
}

}  // namespace
}  // namespace chatter
