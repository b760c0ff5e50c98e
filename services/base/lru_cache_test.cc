#include "services/base/lru_cache.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter {
namespace {

TEST(LruCacheTest, LetsTheLeastRecentlyUsedGo) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Put("b", 2);
  ASSERT_NE(cache.Find("a"), nullptr);
  cache.Put("c", 3);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_EQ(*cache.Find("a"), 1);
  EXPECT_EQ(*cache.Find("c"), 3);
  EXPECT_EQ(cache.size(), 2u);
}

TEST(LruCacheTest, ReplacesInPlace) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Put("b", 2);
  cache.Put("a", 3);
  EXPECT_EQ(cache.size(), 2u);
  cache.Put("c", 4);
  EXPECT_EQ(cache.Find("b"), nullptr);
  EXPECT_EQ(*cache.Find("a"), 3);
}

TEST(LruCacheTest, Erases) {
  LruCache<std::string, int> cache(2);
  cache.Put("a", 1);
  cache.Erase("a");
  cache.Erase("never there");
  EXPECT_EQ(cache.Find("a"), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST(LruCacheTest, StaysWithinItsCapacity) {
  LruCache<std::string, int> cache(100);
  for (int i = 0; i < 10'000; ++i) cache.Put(std::to_string(i % 1000), i);
  EXPECT_EQ(cache.size(), 100u);
}

}  // namespace
}  // namespace chatter
