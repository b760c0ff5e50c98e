#include "services/base/admin_server.h"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/base/metric_page.h"

namespace chatter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::unique_ptr<AdminServer> StartServer(const std::string& listen = "127.0.0.1:0") {
  auto server = AdminServer::Start(listen);
  EXPECT_TRUE(server.ok()) << server.status();
  return *std::move(server);
}

int PortOf(const AdminServer& server) {
  int port = 0;
  EXPECT_TRUE(
      absl::SimpleAtoi(server.address().substr(server.address().rfind(':') + 1), &port));
  return port;
}

struct Reply {
  int status = 0;  // 0: none
  std::string body;
  std::string type;
};

Reply Get(const AdminServer& server, const std::string& path) {
  httplib::Client client("127.0.0.1", PortOf(server));
  client.set_read_timeout(20);
  const auto result = client.Get(path);
  if (!result) return {};
  return {result->status, result->body, result->get_header_value("Content-Type")};
}

class RawClient {
 public:
  explicit RawClient(const AdminServer& server)
      : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(PortOf(server)));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(
        connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
        0);
  }
  ~RawClient() { close(socket_); }

  void Send(const std::string& bytes) {
    send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  // Until the server closes.
  std::string ReadAll() {
    std::string all;
    char buffer[4096];
    ssize_t got;
    while ((got = recv(socket_, buffer, sizeof(buffer), 0)) > 0) {
      all.append(buffer, static_cast<size_t>(got));
    }
    return all;
  }

 private:
  const int socket_;
};

class OneMetric : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override {
    MetricPage page;
    page.Counter("test_total", "Of the test.").Add(5);
    return page.Take();
  }
};

TEST(AdminServerTest, MetricsAreTheProcesssAndTheSources) {
  const OneMetric source;
  const auto server = StartServer();
  server->SetMetrics(&source);
  const Reply with = Get(*server, "/metrics");
  EXPECT_EQ(with.status, 200);
  EXPECT_EQ(with.type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(with.body, HasSubstr("\ntest_total 5\n"));
  EXPECT_THAT(with.body, HasSubstr("process_open_fds"));
  server->SetMetrics(nullptr);
  EXPECT_THAT(Get(*server, "/metrics").body, Not(HasSubstr("test_total")));
}

TEST(AdminServerTest, ReadyzSaysWhyNot) {
  const auto server = StartServer();
  EXPECT_EQ(Get(*server, "/healthz").status, 200);
  EXPECT_EQ(Get(*server, "/readyz").status, 503);
  EXPECT_EQ(Get(*server, "/readyz").body, "starting\n");
  server->SetReadiness([] { return ""; });
  EXPECT_EQ(Get(*server, "/readyz").status, 200);
  server->SetReadiness([] { return "draining"; });
  EXPECT_EQ(Get(*server, "/readyz").status, 503);
  EXPECT_EQ(Get(*server, "/readyz").body, "draining\n");
  EXPECT_EQ(Get(*server, "/healthz").status, 200);
  EXPECT_EQ(Get(*server, "/other").status, 404);
}

TEST(AdminServerTest, EmptyIsOff) {
  const auto server = StartServer("");
  EXPECT_EQ(server->address(), "");
  server->SetReadiness([] { return ""; });
}

TEST(AdminServerTest, BadAddressesAreToldInOneLine) {
  for (const std::string bad :
       {"9100", ":9100", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
        "127.0.0.1:-1", "example.com:80", "::1:80", "[::1", "unix:/tmp/x"}) {
    const auto server = AdminServer::Start(bad);
    EXPECT_TRUE(absl::IsInvalidArgument(server.status())) << bad;
    EXPECT_THAT(std::string(server.status().message()), HasSubstr("'" + bad + "'"));
    EXPECT_THAT(std::string(server.status().message()), Not(HasSubstr("\n")));
  }
}

TEST(AdminServerTest, ATakenAddressIsTold) {
  const auto first = StartServer();
  const std::string listen = first->address().substr(std::string("http://").size());
  const auto second = AdminServer::Start(listen);
  EXPECT_TRUE(absl::IsUnavailable(second.status())) << second.status();
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(listen));
}

TEST(AdminServerTest, AConnectionIsForOneRequest) {
  const auto server = StartServer();
  RawClient client(*server);
  client.Send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  const std::string reply = client.ReadAll();
  EXPECT_THAT(reply, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(reply, HasSubstr("Connection: close"));
}

TEST(AdminServerTest, OnlySoMuchIsReadOfARequest) {
  const auto server = StartServer();
  // Of which each line is within the library's own bound.
  std::string request = "GET /healthz HTTP/1.1\r\n";
  while (request.size() < 17 << 10) {
    request += "X-Header: " + std::string(1000, 'x') + "\r\n";
  }
  request += "\r\n";
  RawClient client(*server);
  client.Send(request);
  EXPECT_THAT(client.ReadAll(), Not(HasSubstr(" 200 ")));
  RawClient with_body(*server);
  with_body.Send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n" +
                 std::string(100'000, 'x'));
  EXPECT_THAT(with_body.ReadAll(), Not(HasSubstr(" 200 ")));
  EXPECT_EQ(Get(*server, "/healthz").status, 200);
}

TEST(AdminServerTest, SilentClientsDoNotHoldItForGood) {
  const auto server = StartServer();
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 2; ++i) {
    silent.push_back(std::make_unique<RawClient>(*server));
    silent.back()->Send("GET /healthz HTTP/1.1\r\nHo");
  }
  EXPECT_EQ(Get(*server, "/healthz").status, 200);
  for (const auto& client : silent) EXPECT_THAT(client->ReadAll(), Not(HasSubstr("200")));
}

TEST(AdminServerTest, ItEndsWhateverItsClientsDo) {
  auto server = StartServer();
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 10; ++i) silent.push_back(std::make_unique<RawClient>(*server));
  const absl::Time begin = absl::Now();
  server.reset();
  // Less than the deadline of one of them.
  EXPECT_LT(absl::Now() - begin, absl::Seconds(4));
}

}  // namespace
}  // namespace chatter
