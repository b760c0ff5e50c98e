// ADMIN_LISTEN of the real programs: what they count, and when they say that they are
// ready.
#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/cluster.h"

namespace chatter::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAnyPort[] = "127.0.0.1:0";

class AdminTest : public ::testing::Test {
 protected:
  static ClusterOptions Options() {
    ClusterOptions options;
    options.chatd["ADMIN_LISTEN"] = kAnyPort;
    options.edged["ADMIN_LISTEN"] = kAnyPort;
    options.edged["EDGE_THREADS"] = "2";
    return options;
  }

  // The sample with these labels, as the page has them; 0 when it is not there.
  static double Value(const Process& program, const std::string& sample) {
    const HttpReply page = Ask(AdminPort(program), "GET", "/metrics");
    EXPECT_EQ(page.status, 200);
    for (const absl::string_view line : absl::StrSplit(page.body, '\n')) {
      double value;
      if (absl::StartsWith(line, sample + " ") &&
          absl::SimpleAtod(line.substr(sample.size() + 1), &value)) {
        return value;
      }
    }
    return 0;
  }
  // Of what is counted a moment after its effect can be seen.
  static void WaitForValue(const Process& program, const std::string& sample,
                           double value) {
    const absl::Time deadline = absl::Now() + kTestDeadline;
    while (Value(program, sample) != value) {
      ASSERT_LT(absl::Now(), deadline) << sample << " is " << Value(program, sample);
    }
  }
  static HttpReply Readyz(const Process& program) {
    return Ask(AdminPort(program), "GET", "/readyz");
  }
  static void WaitUntilReadyzIs(const Process& program, int status) {
    const absl::Time deadline = absl::Now() + kTestDeadline;
    while (Readyz(program).status != status) {
      ASSERT_LT(absl::Now(), deadline) << Readyz(program).body;
    }
  }

  Cluster cluster_{Options()};
};

TEST_F(AdminTest, WhatPeopleDoIsCounted) {
  const Person alice = cluster_.NewPerson("alice", "g");
  const Person bob = cluster_.NewPerson("bob", "g");
  auto of_alice = cluster_.Connect(alice);
  const auto of_bob = cluster_.Connect(bob);
  const auto also_of_bob = cluster_.Connect(bob);
  for (int i = 0; i < 5; ++i) of_alice->SendMessage("bob", "12345678");
  for (int i = 0; i < 5; ++i) of_bob->ReadJsonWith("id");
  for (int i = 0; i < 5; ++i) also_of_bob->ReadJsonWith("id");
  of_alice->SendMessage("nobody", "x");
  of_alice->ReadJsonWith("error");
  of_alice->SendText("no JSON");
  of_alice->ReadJsonWith("error");
  EXPECT_EQ(Ask(cluster_.port(), "GET", "/messages").status, 401);

  const Process& chatd = cluster_.chatd();
  WaitForValue(chatd, "chatter_append_delivery_seconds_count", 5);
  EXPECT_EQ(Value(chatd, "chatter_messages_stored_total"), 5);
  EXPECT_EQ(Value(chatd, "chatter_text_bytes_total{direction=\"in\"}"), 40);
  // Alice's one session, and Bob's two.
  EXPECT_EQ(Value(chatd, "chatter_text_bytes_total{direction=\"out\"}"), 120);
  EXPECT_EQ(Value(chatd, "chatter_deliveries_total{frame=\"message\"}"), 15);
  EXPECT_EQ(Value(chatd, "chatter_deliveries_total{frame=\"presence\"}"), 1);
  EXPECT_EQ(Value(chatd, "chatter_append_batch_messages_sum"), 5);
  EXPECT_EQ(Value(chatd, "chatter_append_commit_seconds_count"),
            Value(chatd, "chatter_append_batch_messages_count"));
  EXPECT_GT(Value(chatd, "chatter_append_commit_seconds_sum"), 0);
  EXPECT_EQ(Value(chatd, "chatter_refusals_total{reason=\"unknown_recipient\"}"), 1);
  EXPECT_EQ(Value(chatd, "chatter_sessions{kind=\"attach\"}"), 3);
  EXPECT_EQ(Value(chatd, "chatter_users_online"), 2);
  EXPECT_EQ(Value(chatd, "chatter_attach_streams"), 2);
  EXPECT_EQ(Value(chatd, "chatter_ws_tokens_total{event=\"issued\"}"), 3);
  EXPECT_EQ(Value(chatd, "chatter_ws_tokens_total{event=\"redeemed\"}"), 3);
  EXPECT_EQ(Value(chatd, "chatter_rpcs_total{method=\"IssueToken\",code=\"OK\"}"), 3);
  EXPECT_EQ(Value(chatd, "chatter_uacl_calls_total{result=\"ok\"}"), 2);
  EXPECT_EQ(Value(chatd, "chatter_identity_cache_lookups_total{result=\"hit\"}"), 1);
  EXPECT_EQ(Value(chatd, "chatter_storage_up"), 1);
  WaitForValue(chatd, "chatter_notifications_total{result=\"delivered\"}", 5);
  EXPECT_EQ(Value(chatd, "chatter_notif_calls_total{result=\"ok\"}"), 5);

  const Process& edged = cluster_.edged();
  EXPECT_EQ(Value(edged, "chatter_edge_connections{kind=\"websocket\"}"), 3);
  EXPECT_EQ(Value(edged, "chatter_edge_handshakes_total{result=\"accepted\"}"), 3);
  EXPECT_EQ(Value(edged, "chatter_edge_frames_total{direction=\"in\"}"), 7);
  EXPECT_EQ(Value(edged, "chatter_edge_bad_frames_total"), 1);
  EXPECT_EQ(Value(edged, "chatter_edge_requests_total{route=\"/ws_token\",code=\"2xx\"}"),
            3);
  EXPECT_EQ(Value(edged, "chatter_edge_requests_total{route=\"/messages\",code=\"4xx\"}"),
            1);
  EXPECT_EQ(Value(edged, "chatter_edge_request_seconds_count{route=\"/messages\"}"), 1);
  EXPECT_EQ(Value(edged, "chatter_edge_link_up{thread=\"0\"}"), 1);
  EXPECT_EQ(Value(edged, "chatter_edge_link_up{thread=\"1\"}"), 1);

  of_alice->SendFrame(Opcode::kClose, "\x03\xE8");
  EXPECT_EQ(of_alice->ReadUntilClosed(), 1000);
  WaitForValue(edged, "chatter_edge_closes_total{code=\"peer\"}", 1);
  WaitForValue(edged, "chatter_edge_connections{kind=\"websocket\"}", 2);
  WaitForValue(chatd, "chatter_sessions{kind=\"attach\"}", 2);
  EXPECT_EQ(Value(chatd, "chatter_users_online"), 1);
}

TEST_F(AdminTest, AnEdgeWithoutChatdIsNotReadyUntilItIsBack) {
  EXPECT_EQ(Readyz(cluster_.chatd()).status, 200);
  WaitUntilReadyzIs(cluster_.edged(), 200);
  const auto client = cluster_.Connect(cluster_.NewPerson("carol", "g"));
  cluster_.KillChatd();
  WaitUntilReadyzIs(cluster_.edged(), 503);
  EXPECT_THAT(Readyz(cluster_.edged()).body,
              HasSubstr("no link to the chat service on "));
  EXPECT_EQ(Ask(AdminPort(cluster_.edged()), "GET", "/healthz").status, 200);
  EXPECT_EQ(client->ReadUntilClosed(), 1012);
  WaitForValue(cluster_.edged(), "chatter_edge_closes_total{code=\"1012\"}", 1);
  cluster_.StartChatd();
  WaitUntilReadyzIs(cluster_.edged(), 200);
  EXPECT_EQ(Value(cluster_.edged(), "chatter_edge_link_reconnects_total{thread=\"0\"}"),
            1);
}

TEST_F(AdminTest, WhileItDrainsItIsNotReady) {
  const auto edged = Process::Start({{"edge/edged"},
                                     {{"HOST", "127.0.0.1"},
                                      {"PORT", "0"},
                                      {"EDGE_THREADS", "1"},
                                      {"DRAIN_SECONDS", "0"},
                                      {"ADMIN_LISTEN", kAnyPort},
                                      {"CHAT_TARGET", cluster_.chat_target()}},
                                     ""});
  const auto address = edged->WaitForLine("listening on ", kTestDeadline);
  ASSERT_TRUE(address.has_value()) << edged->Output();
  int clients_port = 0;
  ASSERT_TRUE(absl::SimpleAtoi(address->substr(address->rfind(':') + 1), &clients_port));
  WaitUntilReadyzIs(*edged, 200);
  // Does not answer the close, for which the edge waits five seconds.
  const auto client = WebSocketClient::Connect(
      clients_port, cluster_.TokenFor(cluster_.NewPerson("dave", "g")));
  ASSERT_NE(client, nullptr);
  const int port = AdminPort(*edged);
  edged->Signal(SIGTERM);
  std::optional<HttpReply> reply;
  do {
    HttpConnection connection(port);
    connection.tcp().Send(RequestText("GET", "/readyz"));
    reply = connection.Read();
    ASSERT_TRUE(reply.has_value());
  } while (reply->status == 200);
  EXPECT_EQ(reply->body, "draining\n");
  EXPECT_EQ(edged->Wait(kTestDeadline), 0);
}

TEST_F(AdminTest, ABadOrTakenAddressStopsTheStart) {
  const std::string taken = absl::StrCat("127.0.0.1:", AdminPort(cluster_.edged()));
  for (const std::string program : {"services/chat/chatd", "edge/edged"}) {
    // 2: systemd does not try again.
    const std::pair<std::string, int> addresses[] = {{"nonsense", 2}, {taken, 1}};
    for (const auto& [address, exit_code] : addresses) {
      const auto process = Process::Start({{program},
                                           {{"ADMIN_LISTEN", address},
                                            {"PORT", "0"},
                                            {"HOST", "127.0.0.1"},
                                            {"VERIFICATION_URL", "http://127.0.0.1:1/"}},
                                           ""});
      EXPECT_EQ(process->Wait(kTestDeadline), exit_code);
      EXPECT_THAT(process->Output(), HasSubstr("ADMIN_LISTEN"));
      EXPECT_THAT(process->Output(), HasSubstr(address));
      EXPECT_THAT(process->Output(), Not(HasSubstr("listening on")));
    }
  }
}

TEST_F(AdminTest, WithoutItNothingIsAnnounced) {
  Cluster quiet((ClusterOptions()));
  EXPECT_THAT(quiet.chatd().Output(), Not(HasSubstr("admin on")));
  EXPECT_THAT(quiet.edged().Output(), Not(HasSubstr("admin on")));
}

}  // namespace
}  // namespace chatter::testing
