#include "services/notification/http_notifier.h"

#include <string>

#include "gtest/gtest.h"

namespace chatter::notification {
namespace {

TEST(NotificationBodyTest, IsWhatNotifExpects) {
  const Notice notice{"bob", "alice b/\xc3\xa9?&", "hi \"bob\"\n",
                      absl::FromUnixSeconds(1'700'000'000)};
  EXPECT_EQ(
      NotificationBody(notice, "https://app.example/"),
      "{\"username\":\"bob\",\"type\":\"message\",\"title\":\"New message!\","
      "\"message\":\"alice b/\xc3\xa9?& messaged you: hi \\\"bob\\\"\\n\","
      "\"link\":\"https://app.example/messenger?talking-to=alice%20b%2F%C3%A9%3F%26\","
      "\"username_to\":\"bob\",\"created_at\":\"2023-11-14T22:13:20.000000Z\","
      "\"seen\":false}");
}

}  // namespace
}  // namespace chatter::notification
